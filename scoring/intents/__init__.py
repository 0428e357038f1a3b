"""What a shopper's search is after: weak labels by rules, for a head that learns from them."""
