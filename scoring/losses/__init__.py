"""Losses on plain tensors, one a file, each with its paper."""
