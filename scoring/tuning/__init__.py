"""Looking for the numbers of a policy: a space, a search, a front. No shop and no Kafka in it."""
