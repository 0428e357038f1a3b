"""Behaviour tasks: what comes of a user, a context and an item. Files in, a folder of heads out."""
