"""Several models that answer as one: a weighted mean of their scores."""
