"""Signals over text, one file each."""
