"""Hashed word and character n-grams of short texts, in numpy alone: the lexical view of `text.moderation`.

The recipe that trains the heads and the signal that runs them call the same function, so the two cannot drift apart.
It knows nothing about labels or weights. n-grams are hashed, so a bucket cannot be read back as a word.
"""

import re
import unicodedata
import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 16
CHARACTER_BITS = 17
BUCKETS = (1 << WORD_BITS) + (1 << CHARACTER_BITS)
"""Width of the feature space: word buckets first, then character buckets."""

_CHARACTER_NGRAMS = (2, 3, 4, 5)
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads neighbouring code points over all buckets
_BASE = np.uint64(0x100000001B3)
_TOKEN = re.compile(r"\w+|[^\w\s]")
_HIDDEN = re.compile("[\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\ufeff]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")


def visible(text: str) -> str:
    """`text` without characters that show nothing, and with a mark for halves of characters that no encoder takes.

    Joiners stay: they make one picture of several, and spell some languages.
    """
    return _HIDDEN.sub("", text).encode("utf-8", "replace").decode("utf-8")


def fold(text: str) -> str:
    """`text` in compatibility form, without case, invisible characters and runs of spaces."""
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return " ".join(visible.casefold().split())


def counts(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """How often each bucket occurs in each text.

    Args:
        texts: Any strings; long ones cost memory in proportion (about 100 bytes a character).

    Returns:
        Three arrays of one length, sorted by text and then by bucket: index of the text, bucket in 0..BUCKETS, and
        the damped count `1 + ln(occurrences)`.
    """
    folded = [fold(text) for text in texts]
    keys = np.concatenate([_word_keys(folded), _character_keys(folded, _CHARACTER_NGRAMS)])
    keys, occurrences = np.unique(keys, return_counts=True)
    return keys // BUCKETS, keys % BUCKETS, (1.0 + np.log(occurrences)).astype(np.float32)


def weigh(
    rows: NDArray[np.int64], buckets: NDArray[np.int64], damped: NDArray[np.float32], idf: NDArray[np.float32], n: int
) -> NDArray[np.float32]:
    """TF-IDF values of `counts`, words and characters each scaled to length 1 within a text.

    Args:
        rows: Index of the text, as `counts` gives it.
        buckets: Bucket, as `counts` gives it.
        damped: Damped count, as `counts` gives it.
        idf: Inverse document frequency, shape (BUCKETS,).
        n: How many texts there were.
    """
    values = damped * idf[buckets]
    block = rows * 2 + (buckets >= 1 << WORD_BITS)
    length = np.sqrt(np.bincount(block, weights=values * values, minlength=2 * n))
    return np.asarray(values / np.maximum(length, 1e-9)[block], dtype=np.float32)


def shingles(texts: Sequence[str], length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index of the text and bucket of every run of `length` characters, each once, sorted by text."""
    keys = np.unique(_character_keys([fold(text) for text in texts], (length,)))
    return keys // BUCKETS, keys % BUCKETS


def _word_keys(folded: Sequence[str]) -> NDArray[np.int64]:
    found: list[int] = []
    mask = (1 << WORD_BITS) - 1
    for row, text in enumerate(folded):
        base = row * BUCKETS
        tokens = _TOKEN.findall(text)
        hashes = [zlib.crc32(token.encode("utf-8", "surrogatepass")) for token in tokens]
        found.extend(base + ((h ^ h >> 16) & mask) for h in hashes)
        for left, right in pairwise(hashes):
            h = (left * 0x01000193 ^ right) & 0xFFFFFFFF
            found.append(base + ((h ^ h >> 16) & mask))
    return np.array(found, dtype=np.int64)


def _character_keys(folded: Sequence[str], lengths: Sequence[int]) -> NDArray[np.int64]:
    padded = [f" {text} " if text else "" for text in folded]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(padded)), [len(text) for text in padded])
    shift = np.uint64(64 - CHARACTER_BITS)
    found = [np.empty(0, dtype=np.int64)]
    rolling = np.full(len(codes), 0xCBF29CE484222325, dtype=np.uint64)
    for length in range(1, max(lengths) + 1):
        rolling = rolling[: len(codes) - length + 1] * _BASE ^ codes[length - 1 :]
        if length not in lengths:
            continue
        first = owner[: len(rolling)]
        inside = first == owner[length - 1 :]
        buckets = ((rolling[inside] * _MIX) >> shift).astype(np.int64) + (1 << WORD_BITS)
        found.append(first[inside] * BUCKETS + buckets)
    return np.concatenate(found)
