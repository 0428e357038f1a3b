"""A ranker that is learned from what shops' users did: features, heads, tables of items."""
