"""The nouns: frozen dataclasses, the taxonomy, the error tree and the ports. Standard library only; no I/O."""
