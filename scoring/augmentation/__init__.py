"""Texts of training rows, said in other words each time they come."""
