"""Weights: what they are (manifests), where they come from (the user's package index or hub), where they are kept."""
