"""The whole chain closed by simulated users, unattended, with a report of what each arm earned."""
