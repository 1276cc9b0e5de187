"""Ways to run signals: in this process, later on a cluster."""
