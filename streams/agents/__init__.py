"""What each source topic means: one file a topic, each a function from one record to its effect."""
