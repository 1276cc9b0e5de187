"""Groups near-duplicate texts, so that no sentence is trained on and measured with in slightly different wording.

MinHash over hashed runs of five characters, banded: two texts that share about two thirds of their runs or more meet in
some band with high probability, unrelated ones hardly ever. Paraphrases and translations are not found.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from noisegate.signals.text import lexical

_BANDS = 12
_ROWS = 5
_SHINGLE = 5
_CHUNK = 4096
_ALIKE = 0.5
"""Share of equal hashes, which estimates the share of common runs, from which two texts count as the same."""


def groups(texts: Sequence[str], known: Sequence[Sequence[str]], *, seed: int) -> NDArray[np.int64]:
    """One group number per text.

    Args:
        texts: The texts.
        known: For each text, names of groups it belongs to anyway; texts that share a name share a group.
        seed: Chooses the hash functions.

    Returns:
        Shape (texts,); equal numbers mean near-duplicates, directly or through others.
    """
    edges: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    signatures = _signatures(texts, seed)
    for band in range(_BANDS):
        keys = np.ascontiguousarray(signatures[:, band * _ROWS : (band + 1) * _ROWS]).view([("", np.uint64)] * _ROWS)
        edges.append(_links(np.unique(keys.ravel(), return_inverse=True)[1]))
    owners = np.array([place for place, names in enumerate(known) for _ in names], dtype=np.int64)
    named = [name for names in known for name in names]
    if named:
        left, right = _links(np.unique(np.array(named), return_inverse=True)[1])
        edges.append((owners[left], owners[right]))
    left, right = (np.concatenate(side) for side in zip(*edges, strict=True))
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(len(texts), len(texts)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def touching(texts: Sequence[str], others: Sequence[str], *, seed: int) -> NDArray[np.bool_]:
    """Which of `texts` are near-duplicates of one of `others`, shape (texts,); compared pair by pair, never through a chain."""
    ours, theirs = _signatures(texts, seed), _signatures(others, seed)
    found = np.zeros(len(texts), dtype=np.bool_)
    for band in range(_BANDS):
        columns = slice(band * _ROWS, (band + 1) * _ROWS)
        places: dict[bytes, list[int]] = {}
        for place, key in enumerate(theirs[:, columns]):
            places.setdefault(key.tobytes(), []).append(place)
        for row in np.flatnonzero(~found):
            rivals = places.get(ours[row, columns].tobytes(), ())
            found[row] = any((ours[row] == theirs[rival]).mean() >= _ALIKE for rival in rivals)
    return found


def _links(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each member of a key joined to the member before it."""
    order = np.argsort(keys, kind="stable")
    same = keys[order][1:] == keys[order][:-1]
    return order[:-1][same], order[1:][same]


def _signatures(texts: Sequence[str], seed: int) -> NDArray[np.uint64]:
    rng = np.random.default_rng(seed)
    factors = rng.integers(1, 1 << 62, size=_BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)
    # A text too short for one run is like nothing but itself: a hash of the whole stands in for its smallest hashes.
    whole = [
        int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little") for text in texts
    ]
    found = np.repeat(np.array(whole, dtype=np.uint64)[:, None], len(factors), axis=1)
    for first in range(0, len(texts), _CHUNK):
        rows, buckets = lexical.shingles(texts[first : first + _CHUNK], _SHINGLE)
        if not len(rows):
            continue
        starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
        mixed = buckets.astype(np.uint64) + np.uint64(1)
        for place, factor in enumerate(factors):
            values = mixed * factor
            values ^= values >> np.uint64(29)
            found[first + rows[starts], place] = np.minimum.reduceat(values * factor, starts)
    return found
