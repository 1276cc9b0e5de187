"""Writes the trained arrays as the one file that `noisegate.signals.text.heads` reads."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noisegate.signals.text.heads import FORMAT
from recipes.text_moderation.fit import Floats, Lexical, Semantic
from recipes.text_moderation.sources import HEADS

FILE = "heads.npz"
_LEVELS = 127


def write(
    path: Path, *, semantic: Semantic, lexical: Lexical, idf: Floats, blend: Floats, labels: Mapping[str, Sequence[str]]
) -> None:
    """Store the heads; large arrays in half or one-byte precision.

    Args:
        path: The file to write; the same arrays give the same bytes.
        semantic: The network over the embedding.
        lexical: The linear model over the n-grams.
        idf: The inverse document frequencies it was trained with.
        blend: As `fit_blend` gives it.
        labels: Output -> its heads.
    """
    scale = np.maximum(np.abs(lexical.weights).max(axis=1), 1e-9) / _LEVELS
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT),
        "labels": np.array(list(labels)),
        "members": np.array([[head in heads for head in HEADS] for heads in labels.values()]),
        "hidden_weights": semantic.hidden_weights.astype(np.float16),
        "hidden_bias": semantic.hidden_bias,
        "semantic_weights": semantic.weights.astype(np.float16),
        "semantic_bias": semantic.bias,
        "idf": idf.astype(np.float16),
        "lexical_weights": np.round(lexical.weights / scale[:, None]).astype(np.int8),
        "lexical_scale": scale.astype(np.float32),
        "lexical_bias": lexical.bias,
        "blend": blend,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)  # numpy dates every member 1980, so bytes depend on the arrays alone


def only(path: Path, labels: Sequence[str]) -> None:
    """Take every output but `labels` out of the file at `path`."""
    with np.load(path, allow_pickle=False) as stored:
        arrays: dict[str, Any] = {name: stored[name] for name in stored.files}
    kept = np.isin(arrays["labels"], np.array(labels))
    arrays["labels"], arrays["members"] = arrays["labels"][kept], arrays["members"][kept]
    np.savez_compressed(path, **arrays)


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
