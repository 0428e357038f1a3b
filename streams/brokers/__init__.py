"""Brokers that a developer, a test or the demo can start: an embedded one, a real Kafka."""
