"""The outside world, one folder or file per system; nothing here knows the flows or the signals."""
