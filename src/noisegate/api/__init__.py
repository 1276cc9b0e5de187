"""The HTTP face: who asks, what was sent, what comes back. Everything it does is a flow's doing."""
