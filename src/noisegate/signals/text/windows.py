"""Splits text of any length into sentence windows short enough for a sentence encoder, with character offsets.

A window ends where a reader would pause: after a sentence, else at a clause, else at a space, else (unspaced or
endless text) after WINDOW characters. The work grows linearly with the text. It knows nothing about languages beyond
their punctuation, and nothing about models.
"""
# ruff: noqa: RUF001 - punctuation of other scripts is the point

import re

WINDOW = 300
"""Most characters of one window; the encoder was trained on sentences and short paragraphs."""
_ENOUGH = 50
"""Very short sentences are joined until a window has this many characters; longer windows thin out what one sentence says."""

_SENTENCE_END = re.compile(r"(?:[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？｡]+[」』”’）]*|\n)\s*")
_CLAUSE_END = re.compile(r"[,;:、，；：–—]\s*")
_SPACE = re.compile(r"\s+")


def windows(text: str) -> list[tuple[int, int]]:
    """Where to cut `text`.

    Args:
        text: Any string; 10 million characters take a few seconds.

    Returns:
        Half-open ranges of characters in order. They do not overlap, none is longer than WINDOW or blank, and every
        character that is not white space lies in exactly one of them.
    """
    found: list[tuple[int, int]] = []
    start, end = 0, len(text)
    while start < end:
        if text[start].isspace():
            start = _after_space(text, start)
            continue
        stop = _stop(text, start)
        found.append((start, start + len(text[start:stop].rstrip())))
        start = stop
    return found


def _after_space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start + 1


def _stop(text: str, start: int) -> int:
    """Where the window that begins at `start` ends."""
    limit = min(start + WINDOW, len(text))
    last = None
    for match in _SENTENCE_END.finditer(text, start, min(limit + 1, len(text))):
        if match.end() > limit:
            break
        last = match.end()
        if last - start >= _ENOUGH:
            return last
    if limit == len(text):
        return limit
    if last is not None:
        return last
    for pattern in (_CLAUSE_END, _SPACE):
        stops = [match.end() for match in pattern.finditer(text, start, limit) if match.end() - start >= _ENOUGH // 2]
        if stops:
            return stops[-1]
    return limit
