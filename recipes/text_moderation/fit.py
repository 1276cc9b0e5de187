"""Learns the heads: a small network over the embedding, a linear model over the n-grams, a blend and a calibration.

Arrays in, arrays out. It does not know where the rows came from or where the result goes. Everything runs on one thread
with seeded draws, so the same rows give the same bits on the same kind of processor.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from recipes.text_moderation.sources import UNKNOWN

Floats = NDArray[np.float32]
Labels = NDArray[np.int8]
"""Shape (rows, heads): 1, 0 or UNKNOWN."""


@dataclass(frozen=True, kw_only=True)
class Semantic:
    """The network over the embedding."""

    hidden_weights: Floats
    hidden_bias: Floats
    weights: Floats
    bias: Floats

    def logits(self, embeddings: Floats) -> Floats:
        """Shape (rows, heads)."""
        active = np.maximum(embeddings @ self.hidden_weights + self.hidden_bias, 0)
        return np.asarray(active @ self.weights + self.bias, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Lexical:
    """The linear model over the n-grams."""

    weights: Floats
    """Shape (heads, buckets)."""
    bias: Floats

    def logits(self, matrix: csr_matrix) -> Floats:
        """Shape (rows, heads)."""
        return np.asarray(matrix @ self.weights.T + self.bias, dtype=np.float32)


def fit_semantic(
    embeddings: Floats, labels: Labels, weights: Floats, settings: Mapping[str, Any], seed: int
) -> Semantic:
    """Train the network with Adam on the known labels; rare positives weigh more by the root of their rarity."""
    rng = np.random.default_rng(seed)
    rows, width = embeddings.shape
    hidden, heads = int(settings["hidden"]), labels.shape[1]
    scale = np.float32(np.sqrt(width))  # embeddings have length 1: bring single entries to about 1
    parts = {
        "hidden_weights": rng.normal(0, np.sqrt(2 / width), (width, hidden)).astype(np.float32),
        "hidden_bias": np.zeros(hidden, dtype=np.float32),
        "weights": rng.normal(0, np.sqrt(1 / hidden), (hidden, heads)).astype(np.float32),
        "bias": np.zeros(heads, dtype=np.float32),
    }
    importance = _importance(labels, weights)
    first = {name: np.zeros_like(value) for name, value in parts.items()}
    second = {name: np.zeros_like(value) for name, value in parts.items()}
    keep, batch = np.float32(1 - settings["dropout"]), int(settings["batch"])
    batches = list(_batches(rows, batch, int(settings["epochs"]), rng))
    for step, chosen in enumerate(batches, start=1):
        inputs = embeddings[chosen] * scale
        before = inputs @ parts["hidden_weights"] + parts["hidden_bias"]
        mask = (rng.random(before.shape, dtype=np.float32) < keep) / keep
        active = np.maximum(before, 0) * mask
        probabilities = _logistic(active @ parts["weights"] + parts["bias"])
        slope = ((probabilities - (labels[chosen] == 1)) * importance[chosen] / batch).astype(np.float32)
        back = (slope @ parts["weights"].T) * mask * (before > 0)
        slopes = {
            "hidden_weights": inputs.T @ back,
            "hidden_bias": back.sum(axis=0),
            "weights": active.T @ slope,
            "bias": slope.sum(axis=0),
        }
        rate = settings["learning_rate"] * (1 - step / len(batches))
        for name, value in parts.items():
            first[name] = 0.9 * first[name] + 0.1 * slopes[name]
            second[name] = 0.999 * second[name] + 0.001 * slopes[name] ** 2
            move = (first[name] / (1 - 0.9**step)) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
            decay = settings["decay"] * value if value.ndim > 1 else 0.0
            parts[name] = (value - rate * (move + decay)).astype(np.float32)
    parts["hidden_weights"] *= scale
    return Semantic(**parts)


def _importance(labels: Labels, weights: Floats) -> Floats:
    positives = np.maximum((labels == 1).sum(axis=0), 1)
    negatives = np.maximum((labels == 0).sum(axis=0), 1)
    lift = np.sqrt(negatives / positives)
    return np.asarray(np.where(labels == 1, lift, 1.0) * (labels != UNKNOWN) * weights[:, None], dtype=np.float32)


def _batches(rows: int, batch: int, epochs: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    for _ in range(epochs):
        order = rng.permutation(rows)
        yield from (order[at : at + batch] for at in range(0, rows - batch + 1, batch))


def fit_lexical(matrix: csr_matrix, labels: Labels, weights: Floats, settings: Mapping[str, Any]) -> Lexical:
    """One balanced logistic regression per head on the rows where that head is known."""
    found, bias = [], []
    for head in range(labels.shape[1]):
        known = np.flatnonzero(labels[:, head] != UNKNOWN)
        model = LogisticRegression(
            C=settings["inverse_regularisation"], class_weight="balanced", max_iter=settings["iterations"], tol=1e-3
        )
        model.fit(matrix[known], labels[known, head], sample_weight=weights[known])
        found.append(model.coef_[0])
        bias.append(model.intercept_[0])
    return Lexical(weights=np.array(found, dtype=np.float32), bias=np.array(bias, dtype=np.float32))


def fit_blend(
    semantic: Floats, lexical: Floats, labels: Labels, weights: Floats, base_rates: Sequence[float]
) -> Floats:
    """Per head the factors of both views and the offset that turn held-out scores into probabilities.

    Args:
        semantic: Held-out scores, shape (rows, heads).
        lexical: The same of the other view.
        labels: What is true of the rows.
        weights: Weight of each row for each head, shape (rows, heads).
        base_rates: Per head the share of positives (0..1) for which the probabilities hold.

    Returns:
        Shape (heads, 3). A factor is never negative: more of a view never means less of the label.
    """
    found = []
    for head, base_rate in enumerate(base_rates):
        known = labels[:, head] != UNKNOWN
        truth, weight = labels[known, head], weights[known, head].astype(np.float64)
        views = np.stack([semantic[known, head], lexical[known, head]], axis=1).astype(np.float64)
        for value, share in ((1, base_rate), (0, 1 - base_rate)):
            weight[truth == value] *= share / weight[truth == value].sum()
        weight *= len(weight)
        used = [0, 1]
        while True:
            model = LogisticRegression(C=1e4, max_iter=1000).fit(views[:, used], truth, sample_weight=weight)
            lowest = int(model.coef_[0].argmin())
            if model.coef_[0][lowest] >= 0 or len(used) == 1:
                break
            del used[lowest]
        row = np.zeros(3)
        row[used], row[2] = model.coef_[0], model.intercept_[0]
        found.append(row)
    return np.array(found, dtype=np.float32)


def shares_capped(labels: Labels, own: NDArray[np.bool_], most: float) -> Floats:
    """Weights, shape (rows, heads), under which our own rows are at most the share `most` of a head's rows of one class.

    Sentences we wrote are easier than what people post; left alone, their number would decide what a score means.
    Where there are no other rows of a class, ours keep their weight.
    """
    weights = np.ones(labels.shape, dtype=np.float32)
    for head in range(labels.shape[1]):
        for value in (0, 1):
            inside = labels[:, head] == value
            ours, others = int((inside & own).sum()), int((inside & ~own).sum())
            if ours and others:
                weights[inside & own, head] = min(1.0, most / (1 - most) * others / ours)
    return weights


def blended(semantic: Floats, lexical: Floats, blend: Floats) -> Floats:
    """Calibrated probabilities, shape (rows, heads)."""
    logits = semantic * blend[:, 0] + lexical * blend[:, 1] + blend[:, 2]
    return _logistic(logits)


def _logistic(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), dtype=np.float32)
