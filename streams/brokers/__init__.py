"""Brokers that a developer, a test or the demo can start: the embedded one and a real single-node Kafka."""
