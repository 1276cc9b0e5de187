"""The trained heads of `text.moderation`: sentence embedding and n-grams in, one calibrated score per label out.

Everything comes from one `.npz` of plain arrays (no pickle), written by the recipe in `recipes/text_moderation`, whose
model card says what was learned from what and how well it does. This module knows neither signals nor files beyond that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from noisegate.signals.text import lexical

Floats = NDArray[np.float32]
Encode = Callable[[list[str]], Floats]
"""Texts -> embeddings, shape (texts, 512), each of length 1."""

FORMAT = 1
"""Raised when the arrays change meaning."""

_STEEPEST = 30.0  # beyond this a score is 0 or 1 in every decimal, and exp would overflow
_DECIMALS = 4  # sums of floats depend on the batch in the sixth digit; equal texts must get equal scores


@dataclass(frozen=True, kw_only=True)
class TextHeads:
    """Two views of a text, each with a score per head, blended and calibrated."""

    labels: tuple[str, ...]
    """Names of the outputs."""
    hidden: tuple[Floats, Floats]
    """Weights (512, hidden) and bias (hidden,) of the layer over the embedding."""
    semantic: tuple[Floats, Floats]
    """Weights (hidden, heads) and bias (heads,)."""
    idf: Floats
    """Shape (lexical.BUCKETS,)."""
    lexical: tuple[Floats, Floats]
    """Weights (lexical.BUCKETS, heads) and bias (heads,)."""
    blend: Floats
    """Shape (heads, 3): factor of the semantic score, factor of the lexical score, offset."""
    members: NDArray[np.bool_]
    """Shape (labels, heads): a label is the highest of its heads."""

    @classmethod
    def load(cls, path: Path) -> "TextHeads":
        """The heads in `path`.

        Raises:
            ValueError: the file has another format.
        """
        with np.load(path, allow_pickle=False) as stored:
            found = int(stored["format"])
            if found != FORMAT:
                raise ValueError(f"{path.name} has format {found}, this version reads format {FORMAT}")
            weights = stored["lexical_weights"].astype(np.float32) * stored["lexical_scale"][:, None]
            return cls(
                labels=tuple(str(label) for label in stored["labels"]),
                hidden=(stored["hidden_weights"].astype(np.float32), stored["hidden_bias"]),
                semantic=(stored["semantic_weights"].astype(np.float32), stored["semantic_bias"]),
                idf=stored["idf"].astype(np.float32),
                lexical=(np.ascontiguousarray(weights.T), stored["lexical_bias"]),
                blend=stored["blend"],
                members=stored["members"],
            )

    def score(self, texts: Sequence[str], encode: Encode) -> Floats:
        """How strongly each text is each label.

        Args:
            texts: Short texts, at most a few hundred characters each; see `windows` for longer ones.
            encode: The sentence encoder these heads were trained on.

        Returns:
            Calibrated scores in 0..1, shape (texts, labels), in the order of `labels`.
        """
        if not texts:
            return np.zeros((0, len(self.labels)), dtype=np.float32)
        embeddings = encode([lexical.visible(text) for text in texts])
        views = np.stack([self.semantic_logits(embeddings), self.lexical_logits(texts)])
        logits = views[0] * self.blend[:, 0] + views[1] * self.blend[:, 1] + self.blend[:, 2]
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits, -_STEEPEST, _STEEPEST)))
        highest = np.where(self.members[None], scores[:, None, :], 0.0).max(axis=2)
        return np.asarray(np.round(highest, _DECIMALS), dtype=np.float32)

    def semantic_logits(self, embeddings: Floats) -> Floats:
        """Scores from meaning, shape (texts, heads), before calibration."""
        weights, bias = self.hidden
        active = np.maximum(embeddings @ weights + bias, 0.0)
        return np.asarray(active @ self.semantic[0] + self.semantic[1], dtype=np.float32)

    def lexical_logits(self, texts: Sequence[str]) -> Floats:
        """Scores from wording, shape (texts, heads), before calibration."""
        rows, buckets, damped = lexical.counts(texts)
        values = lexical.weigh(rows, buckets, damped, self.idf, len(texts))
        weights, bias = self.lexical
        found = np.zeros((len(texts), weights.shape[1]), dtype=np.float32)
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        if len(starts):
            found[rows[starts]] = np.add.reduceat(weights[buckets] * values[:, None], starts, axis=0)
        found += bias
        return found
