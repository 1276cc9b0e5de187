"""Signals that compare with banks of known content, one file each."""
