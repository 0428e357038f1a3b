"""A slate policy learned from rewards: what a list earns over a visit and those that follow."""
