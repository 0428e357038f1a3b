"""Items that the same users take: learned from events, a source of candidates beside the texts."""
