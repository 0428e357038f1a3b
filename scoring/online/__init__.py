"""Heads kept fresh by small steps on what was shown and what came of it. No Kafka here."""
