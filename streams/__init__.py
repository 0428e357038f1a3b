"""The stream: wire records, user rows, topics, agents, subscriber, command line."""
