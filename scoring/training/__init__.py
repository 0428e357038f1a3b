"""Training: one loop for whatever has batches and losses. torch loads with the loop."""
