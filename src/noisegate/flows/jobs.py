"""The names by which flows ask for work and workers find it."""

ASSESS = "assess"
"""Task and queue: understand and judge one item; argument `item`."""
