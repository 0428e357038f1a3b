"""What another policy would have earned on logged lists: estimates, and their limits."""
