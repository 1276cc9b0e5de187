"""Signals over image, one file each."""
