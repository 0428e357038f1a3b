"""What comes next, from the order of what came before: a transformer over a user's events."""
