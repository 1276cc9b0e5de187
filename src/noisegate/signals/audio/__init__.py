"""Signals over audio, one file each."""
