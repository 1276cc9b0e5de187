"""Signals over video, one file each."""
