"""Texts by the words and letters in them: no encoder, a linear model a task."""
