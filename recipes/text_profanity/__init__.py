"""Builds the word list of `text.profanity` from openly licensed lists; see `__main__.py`."""
