"""`noisegate models list|pull|verify`."""
