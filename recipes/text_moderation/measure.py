"""Quality figures, each with a 95 % bootstrap interval. Knows scores and truths, not where they came from.

Rows made from one template are resampled together: ten wordings of one sentence are not ten independent proofs.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

THRESHOLD = 0.5


class Figure(TypedDict):
    """One figure and where it would fall in 95 of 100 repetitions."""

    value: float
    low: float
    high: float


class Bootstrap(NamedTuple):
    """How intervals are drawn."""

    rounds: int
    seed: int


Measure = Callable[[NDArray[np.bool_], NDArray[np.float32]], float]
"""(truth, scores) -> figure."""


def auroc(truth: NDArray[np.bool_], scores: NDArray[np.float32]) -> float:
    """Chance that a positive scores higher than a negative."""
    return float(roc_auc_score(truth, scores))


def auprc(truth: NDArray[np.bool_], scores: NDArray[np.float32]) -> float:
    """Area under the precision-recall curve; a coin gives the share of positives."""
    return float(average_precision_score(truth, scores))


def recall(truth: NDArray[np.bool_], scores: NDArray[np.float32]) -> float:
    """Share of positives at or above THRESHOLD."""
    return float((scores[truth] >= THRESHOLD).mean())


def false_alarms(truth: NDArray[np.bool_], scores: NDArray[np.float32]) -> float:
    """Share of negatives at or above THRESHOLD."""
    return float((scores[~truth] >= THRESHOLD).mean())


def recall_at_one_percent(truth: NDArray[np.bool_], scores: NDArray[np.float32]) -> float:
    """Share of positives above the score that one negative in a hundred exceeds."""
    return float((scores[truth] > np.quantile(scores[~truth], 0.99, method="higher")).mean())


def macro_f1(truth: NDArray[np.bool_], scores: NDArray[np.float32]) -> float:
    """Mean F1 of both classes at THRESHOLD."""
    found = scores >= THRESHOLD
    both = []
    for side in (True, False):
        hits = float(((found == side) & (truth == side)).sum())
        both.append(2 * hits / max(float((found == side).sum() + (truth == side).sum()), 1.0))
    return float(np.mean(both))


RANKING: dict[str, Measure] = {"auroc": auroc, "auprc": auprc}
DECIDING: dict[str, Measure] = {"recall": recall, "false_alarms": false_alarms}


def figures(
    measures: dict[str, Measure],
    truth: NDArray[np.bool_],
    scores: NDArray[np.float32],
    drawn: Bootstrap,
    clusters: Sequence[str] | None = None,
) -> dict[str, Figure]:
    """Every measure with its percentile interval over resampled clusters (rows when None)."""
    rng = np.random.default_rng(drawn.seed)
    members = _members(clusters, len(truth))
    repeated: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(drawn.rounds):
        chosen = np.concatenate([members[at] for at in rng.integers(0, len(members), len(members))])
        if truth[chosen].all() or not truth[chosen].any():
            continue
        for name, measure in measures.items():
            repeated[name].append(measure(truth[chosen], scores[chosen]))
    return {
        name: Figure(
            value=_rounded(measure(truth, scores)),
            low=_rounded(float(np.quantile(repeated[name], 0.025))),
            high=_rounded(float(np.quantile(repeated[name], 0.975))),
        )
        for name, measure in measures.items()
    }


def share(flags: NDArray[np.bool_], drawn: Bootstrap) -> Figure:
    """The share of true flags with its interval."""
    rng = np.random.default_rng(drawn.seed)
    shares = flags[rng.integers(0, len(flags), (drawn.rounds, len(flags)))].mean(axis=1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return Figure(value=_rounded(float(flags.mean())), low=_rounded(float(low)), high=_rounded(float(high)))


def calibration_error(truth: NDArray[np.bool_], scores: NDArray[np.float32], base_rate: float) -> float:
    """Mean gap between score and observed share over ten bins, at `base_rate` positives (0..1)."""
    weights = np.where(truth, base_rate / max(truth.sum(), 1), (1 - base_rate) / max((~truth).sum(), 1))
    bins = np.minimum((scores * 10).astype(np.int64), 9)
    gap = 0.0
    for place in range(10):
        inside = bins == place
        if inside.any():
            gap += abs(float((weights[inside] * (truth[inside] - scores[inside])).sum()))
    return _rounded(gap)


def _members(clusters: Sequence[str] | None, rows: int) -> list[NDArray[np.int64]]:
    if clusters is None:
        return [np.array([row]) for row in range(rows)]
    order = np.argsort(np.array(clusters), kind="stable")
    keys = np.array(clusters)[order]
    return np.split(order, np.flatnonzero(keys[1:] != keys[:-1]) + 1)


def _rounded(value: float) -> float:
    return round(value, 4)
