"""Trains and measures the heads of the signal `text.moderation`; see `__main__.py`."""
