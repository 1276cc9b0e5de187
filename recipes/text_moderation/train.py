"""From raw data to the artefact: rows, near-duplicate folds, held-out scores, calibration, final fit."""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from recipes.text_moderation import artefact, fit, near
from recipes.text_moderation.benchmarks import every_text
from recipes.text_moderation.features import embed, tfidf
from recipes.text_moderation.sources import HEADS, Row, Source, label_matrix, rows, sources
from recipes.text_moderation.written import SOURCE, written_rows

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Scores of every training row by models that saw none of its near-duplicates."""

    rows: list[Row]
    labels: NDArray[np.int8]
    """Shape (rows, heads)."""
    scores: NDArray[np.float32]
    """Shape (rows, heads); blended and calibrated on the other folds."""
    dropped: int
    """Rows left out because they are near-duplicates of a benchmark or probe text."""


def settings() -> dict[str, Any]:
    """The contents of `recipe.yaml`."""
    found: dict[str, Any] = yaml.safe_load((HERE / "recipe.yaml").read_text(encoding="utf-8"))
    return found


def probes() -> dict[str, Any]:
    """The contents of `probes.yaml`."""
    found: dict[str, Any] = yaml.safe_load((HERE / "probes.yaml").read_text(encoding="utf-8"))
    return found


def probe_texts() -> list[str]:
    """Every sentence of `probes.yaml`."""
    body = probes()
    positive = [text for languages in body["positive"].values() for texts in languages.values() for text in texts]
    return positive + [text for texts in body["ordinary"].values() for text in texts]


def base_rates_of(chosen: dict[str, Any]) -> list[float]:
    """The share of positives each head is calibrated for, in the order of HEADS."""
    rare = chosen["calibration"]["base_rate_of"]
    return [float(rare.get(head, chosen["calibration"]["base_rate"])) for head in HEADS]


def training_sources() -> list[Source]:
    """The open sets that are trained on."""
    return sources(HERE / "sources")


def train(data: Path, target: Path, cache: Path | None) -> HeldOut:
    """Train on everything under `data` and write the artefact to `target`.

    Args:
        data: The folder that holds the folders of the sources and benchmarks.
        target: The `.npz` to write.
        cache: Where embeddings are kept between runs; None to compute them anew.
    """
    chosen = settings()
    seed = int(chosen["seed"])
    with threadpool_limits(1):  # sums over several threads differ in their last bits from run to run
        found, dropped = _rows(data, chosen)
        labels = label_matrix(found)
        texts = [row.text for row in found]
        _say(f"{len(found)} rows, {dropped} near-duplicates of test texts dropped")
        groups = near.groups(texts, [row.groups for row in found], seed=seed)
        folds = np.random.default_rng(seed).permutation(int(groups.max()) + 1)[groups] % int(chosen["folds"])
        embeddings = np.concatenate(
            [
                embed([row.text for row in part], cache)
                for _, part in itertools.groupby(found, key=lambda row: row.source)
            ]
        )
        _say("embedded")
        matrix, idf = tfidf(texts, None)
        own = np.array([row.source == SOURCE for row in found])
        weights = np.where(own, chosen["written"]["weight"], 1.0).astype(np.float32)
        semantic, lexical = np.zeros((2, len(found), len(HEADS)), dtype=np.float32)
        for fold in range(int(chosen["folds"])):
            seen, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            network = fit.fit_semantic(embeddings[seen], labels[seen], weights[seen], chosen["semantic"], seed + fold)
            semantic[held] = network.logits(embeddings[held])
            linear = fit.fit_lexical(matrix[seen], labels[seen], weights[seen], chosen["lexical"])
            lexical[held] = linear.logits(matrix[held])
            _say(f"fold {fold + 1} of {chosen['folds']}")
        base_rates = base_rates_of(chosen)
        shares = fit.shares_capped(labels, own, float(chosen["calibration"]["own_at_most"]))
        scores = np.zeros_like(semantic)
        for fold in range(int(chosen["folds"])):
            seen, held = folds != fold, folds == fold
            blend = fit.fit_blend(semantic[seen], lexical[seen], labels[seen], shares[seen], base_rates)
            scores[held] = fit.blended(semantic[held], lexical[held], blend)
        artefact.write(
            target,
            semantic=fit.fit_semantic(embeddings, labels, weights, chosen["semantic"], seed),
            lexical=fit.fit_lexical(matrix, labels, weights, chosen["lexical"]),
            idf=idf,
            blend=fit.fit_blend(semantic, lexical, labels, shares, base_rates),
            labels={name: label["heads"] for name, label in chosen["labels"].items()},
        )
        _say(f"wrote {target.name}, {target.stat().st_size} bytes")
    return HeldOut(rows=found, labels=labels, scores=scores, dropped=dropped)


def _rows(data: Path, chosen: dict[str, Any]) -> tuple[list[Row], int]:
    found = [row for source in training_sources() for row in rows(source, data)]
    found += written_rows(HERE / "written", seed=int(chosen["seed"]), most=int(chosen["written"]["most"]))
    known = near.touching([row.text for row in found], every_text(data) + probe_texts(), seed=int(chosen["seed"]))
    return [row for row, again in zip(found, known, strict=True) if not again], int(known.sum())


def _say(message: str) -> None:
    print(f"{time.process_time():7.1f} s CPU  {message}", flush=True)
