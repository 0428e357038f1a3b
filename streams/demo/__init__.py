"""The sample shop and its demo."""
