"""What came of an experiment, read from its lists and the events that followed them."""
