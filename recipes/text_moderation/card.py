"""Writes the manifest `model.yaml` and the model card `CARD.md` from the figures of a run; no figure is typed by hand."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Metrics = Mapping[str, Any]

_PURPOSE = """\
Heads for the signal `text.moderation`: a text of up to about 300 characters in, one score (0..1) per label out.
They sit on the multilingual sentence encoder `{encoder}` ({encoder_licence}, weights inside the package) blended with
hashed word and character n-grams. The file `{file}` holds plain arrays, no pickle.

**For**: ranking and routing uploads (titles, descriptions, lyrics, transcripts, words read in pictures) to policy rules
and people. **Not for**: acting alone on a single score at 0.5; judging people; legal findings; finding or excluding
anything about minors; languages and registers that the tables below do not measure.

A score of 0.5 means that half of such texts would be violations in a stream with the base rate of the table below. Uploads
have a much lower share of violations, so most texts at 0.5 will be harmless there; set thresholds on your own labels."""

_LABELS = {
    "hate": "attacks, demeans or dehumanises people for a protected attribute (sexism included)",
    "harassment": "insults or abuses a person",
    "threat": "threatens or urges violence against somebody",
    "sexual": "sexual solicitation or explicit sexual description",
    "self_harm": "wishes, praises, urges or instructs suicide or self-injury; also the wish spoken in first person",
}

_LIMITS = """\
- Reported, quoted and condemned abuse is often scored like abuse itself: see the `counter_*` rows of HateCheck.
- Swear words in praise or among friends often score as `harassment`; so do single insulting words without a target.
- Titles made of one or two dark words (a song about suicide, a thriller) can score high: give titles their own thresholds.
- Coded hate, irony, fiction and slurs reclaimed by the group itself are beyond two views of a single sentence window.
- `threat` saw few real threats; much of what it knows comes from sentences written for this recipe.
- `sexual` and `self_harm` saw almost no real examples: one set of remarks to chatbots, and our own mild sentences.
- Lyrics, podcasts and comedy are covered by our own sentences and probes only; no openly licensed set exists.
- The open sets carry the bias of their sampling and raters: see the identity table before trusting a threshold.
- Held-out figures of the source `written` flatter: it was written as a whole.
- Some sources are share-alike (CC BY-SA). The artefact holds weights and no text of theirs; they are credited below."""


def manifest(
    *,
    artefact: Mapping[str, Any],
    encoder: Mapping[str, str],
    labels: Mapping[str, Any],
    withheld: Mapping[str, Any],
    sources: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    metrics: Metrics,
) -> dict[str, Any]:
    """What `model.yaml` says, in order."""
    return {
        "name": "text-moderation-heads",
        "title": "Text moderation heads on a multilingual sentence encoder",
        "licence": {"code": "Apache-2.0", "weights": "Apache-2.0"},
        "result": dict(artefact),
        "encoder": dict(encoder),
        "labels": {name: {"code": label["code"], "meaning": _LABELS[name]} for name, label in labels.items()},
        "withheld": dict(withheld),
        "made_by": "python -m recipes.text_moderation train",
        "settings": dict(settings),
        "training_data": list(sources),
        "metrics": dict(metrics),
    }


def card(body: Mapping[str, Any]) -> str:
    """The model card of a manifest, as Markdown."""
    metrics = body["metrics"]
    calibration = body["settings"]["calibration"]
    parts = [
        "<!-- Written by `python -m recipes.text_moderation`; change the recipe, not this file. -->",
        f"# {body['title']}",
        _PURPOSE.format(
            encoder=body["encoder"]["package"],
            encoder_licence=body["encoder"]["licence"],
            file=body["result"]["file"],
        ),
        "## Labels",
        _table(
            ("output", "taxonomy", "base rate", "meaning"),
            ((f"`{n}`", f"`{v['code']}`", _base_rate(calibration, n), v["meaning"]) for n, v in body["labels"].items()),
        ),
        _withheld(body["withheld"]),
        "## Public test sets",
        (
            "Never trained on; training rows that are near-duplicates of them were dropped. Scored through sentence windows, "
            f"highest window wins. In brackets the 95 % bootstrap interval ({body['settings']['bootstrap']} resamples, whole "
            "templates where a set is made from templates). Recall and false alarms at 0.5."
        ),
        _benchmarks(metrics["benchmarks"]),
        _notes(metrics["benchmarks"]),
        "### HateCheck by functionality",
        "Share decided rightly at 0.5; `_h` cases are hateful, `_nh` are not.",
        _functionalities(metrics["benchmarks"]),
        "## False alarms",
        _alarms(metrics["xstest"]),
        "### Identity terms",
        "Template sentences; highest of `hate` and `harassment`. The terms with most false alarms in harmless sentences:",
        _identity(metrics["identity"]),
        "## Hazardous requests",
        "Recall at 0.5 on AILuminate demo prompts. They are put to a chatbot, often politely worded: a coverage probe.",
        _table(
            ("prompts", "texts", "recall"),
            ((f"`{n}`", v["texts"], _figure(v["recall"])) for n, v in metrics["ailuminate"].items()),
        ),
        "## Our own probes",
        _probes(metrics["probes"]),
    ]
    if "held_out" in metrics:
        parts += [
            "## Held-out training rows",
            (
                "Scored by models that saw none of the row's near-duplicates. The calibration error is the mean gap between score "
                "and observed share, at the share of positives that the head is calibrated for."
            ),
            _held_out(metrics["held_out"]),
        ]
    if "speed" in metrics:
        speed = metrics["speed"]
        parts += [
            "## Speed",
            (
                f"On the machine of this run, short training texts, one thread: {speed['texts_per_cpu_second']:.0f} texts a CPU second, "
                f"the encoder alone {speed['encoder_alone']:.0f}."
            ),
        ]
    parts += [
        "## Limits",
        _LIMITS,
        "## Training data",
        f"{metrics['rows']} rows; {metrics['dropped']} near-duplicates of test texts were dropped.",
        _table(
            ("source", "language", "rows", "positives", "licence", "credit"),
            (
                (s["title"], s["language"], s["rows"], _counts(s["positives"]), s["licence"], s["credit"])
                for s in body["training_data"]
            ),
        ),
        "## Reproduce",
        f"```\n{body['made_by']} --data DIR\n```",
        (
            f"`{body['result']['file']}`: {body['result']['bytes']} bytes, sha256 `{body['result']['sha256']}`. Two runs on the same kind "
            "of processor with the same package versions give the same bytes; another processor may round sums differently."
        ),
        f"Encoder files: {', '.join(f'`{name}` sha256 `{digest}`' for name, digest in body['encoder']['files'].items())}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _base_rate(calibration: Mapping[str, Any], label: str) -> str:
    return f"{calibration['base_rate_of'].get(label, calibration['base_rate']):.0%}"


def _table(head: Sequence[str], body: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _figure(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _counts(positives: Mapping[str, int]) -> str:
    return ", ".join(f"{head} {count}" for head, count in positives.items() if count) or "none"


def _withheld(withheld: Mapping[str, Any]) -> str:
    if not withheld:
        return ""
    reasons = [f"`{name}`: {reason}" for name, reason in withheld.items()]
    return "Trained but not released: " + "; ".join(reasons) + "."


def _benchmarks(found: Metrics) -> str:
    head = (
        "set",
        "label",
        "texts",
        "positives",
        "AUROC",
        "AUPRC",
        "recall",
        "false alarms",
        "recall at 1 % false alarms",
    )
    columns = ("auroc", "auprc", "recall", "false_alarms", "recall_at_1_percent")
    return _table(
        head,
        (
            (v["title"], v["label"], v["texts"], v["positives"], *(_figure(v[c]) for c in columns))
            for v in found.values()
        ),
    )


def _notes(found: Metrics) -> str:
    notes = [f"- {value['title']}: {value['note']}." for value in found.values() if value["note"]]
    notes += [f"- {v['title']}: macro F1 at 0.5 {_figure(v['macro_f1'])}." for v in found.values() if "macro_f1" in v]
    return "\n".join(notes)


def _functionalities(found: Metrics) -> str:
    sets = {name.split(".")[1]: value["kinds"] for name, value in found.items() if name.startswith("hatecheck.")}
    kinds = sorted({kind for by_kind in sets.values() for kind in by_kind})
    return _table(
        ("functionality", *sets),
        ((f"`{kind}`", *(by_kind.get(kind, {}).get("right", "") for by_kind in sets.values())) for kind in kinds),
    )


def _alarms(found: Metrics) -> str:
    labels = ", ".join(f"{label} {_figure(figure)}" for label, figure in found["labels"].items())
    types = _table(("type", "alarms", "texts"), ((k, v["alarms"], v["texts"]) for k, v in found["by_type"].items()))
    return f"XSTest: share of {found['texts']} harmless prompts with any label at 0.5 or more: {_figure(found['any'])}. {labels}.\n\n{types}"


def _identity(found: Metrics) -> str:
    def worst(terms: Mapping[str, float]) -> str:
        return ", ".join(f"{term} {rate:.2f}" for term, rate in list(terms.items())[:8])

    rows = (
        (
            name,
            v["texts"],
            _figure(v["auroc"]),
            _figure(v["recall"]),
            _figure(v["false_alarms"]),
            worst(v["false_alarms_by_term"]),
        )
        for name, v in found.items()
    )
    return _table(("language", "texts", "AUROC", "recall", "false alarms", "highest by term"), rows)


def _probes(found: Metrics) -> str:
    lines = [
        (
            f"Hand-written, never trained on, {found['positive']} plain violations and {found['ordinary']} ordinary texts in six "
            f"languages: {found['found']} of {found['positive']} violations score 0.5 or more, {found['low']} of "
            f"{found['ordinary']} ordinary texts stay below 0.3 on every label. The exceptions:"
        ),
    ]
    rows = [("missed", p["language"], p["label"], p["score"], p["text"]) for p in found["missed"]]
    rows += [("not low", p["language"], p["label"], p["score"], p["text"]) for p in found["not_low"]]
    lines.append(_table(("", "language", "label", "score", "text"), rows) if rows else "none.")
    return "\n\n".join(lines)


def _held_out(found: Metrics) -> str:
    rows: list[Sequence[Any]] = []
    for head, value in found.items():
        rows.append(
            (f"`{head}`", "all", value["rows"], value["positives"], "", "", "", "", f"{value['calibration_error']:.3f}")
        )
        for source, v in value["sources"].items():
            if "auroc" in v:
                figures = (_figure(v[c]) for c in ("auroc", "auprc", "recall", "false_alarms"))
                rows.append(("", source, v["rows"], v["positives"], *figures, ""))
    columns = ("head", "source", "rows", "positives", "AUROC", "AUPRC", "recall", "false alarms", "calibration error")
    return _table(columns, rows)
