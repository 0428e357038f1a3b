"""What would have been wanted: events of the past as questions to a ranking. No Kafka in it."""
