"""What the platform does, one verb a file, read from top to bottom. Flows know ports, never adapters."""
