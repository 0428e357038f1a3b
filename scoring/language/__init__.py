"""The shared language model while it is trained: tokens in, one vector a text out."""
