"""Files of events -> baskets, and what could have been asked at their beginnings. No Kafka."""
