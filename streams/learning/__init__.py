"""The online learner: what was shown and what came of it are joined, and heads learn from it."""
