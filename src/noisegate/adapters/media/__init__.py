"""Untrusted bytes: what a file is, and what can be seen and heard in it, decoded in a guarded child process.

`guard.MediaGuard` is the way in. The parent process imports no decoder and opens no file of a stranger.
"""
