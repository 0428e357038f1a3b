"""Heads: from a text's vector, or a user's and an item's features, to what a task asks."""
