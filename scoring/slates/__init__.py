"""From scores to lists: draws with known propensities; caps, pins and diversity inside them."""
