"""Recipes: from openly licensed raw data to a released artefact, one command each."""
