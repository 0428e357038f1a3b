"""What is learned of behaviour: one kind of task a file."""
