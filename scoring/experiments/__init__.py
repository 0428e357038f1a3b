"""A/B tests and shadows: who gets which policy, and what came of it. No Kafka in it."""
