"""Simulated shoppers over Kafka: they come, look at their lists, and react. All of it is marked."""
