"""Noisegate: hold every upload, understand it, judge it against written policy, say why."""
