"""Domain pretraining: a language model reads a shop's words before it learns a task."""
