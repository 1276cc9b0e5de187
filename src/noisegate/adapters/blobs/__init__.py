"""Stored files by their SHA-256: a local directory, or an object store by its address."""
