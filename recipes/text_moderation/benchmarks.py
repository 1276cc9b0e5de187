"""The public test sets, none of which is ever trained on: which texts, which truth, which of our labels answers for it."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipes.text_moderation.sources import read_table

_BIAS_ROWS = 4000
_IDENTITY = re.compile(r"\S+ (?:is|are|ist|bist) (?:an?|eine?) \S+ (.+)")


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One test set for one label."""

    name: str
    title: str
    label: str
    texts: Sequence[str]
    truth: NDArray[np.bool_]
    clusters: Sequence[str] | None = None
    """Template of each text, where texts are made from templates."""
    kinds: Sequence[str] = ()
    """Functionality, type or hazard of each text, for the detailed tables."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Bias:
    """Harmless and insulting template sentences about identities."""

    name: str
    texts: Sequence[str]
    toxic: NDArray[np.bool_]
    terms: Sequence[str]
    """The identity each sentence names; empty where it names an occupation."""


def benchmarks(data: Path) -> Iterator[Benchmark]:
    """Every set with positives and negatives."""
    for language in ("spanish", "portuguese", "arabic", "mandarin", "polish"):
        found = list(read_table(data / "text_multilingual_hatecheck" / f"cases_{language}.csv.gz"))
        yield Benchmark(
            name=f"hatecheck.{language}",
            title=f"Multilingual HateCheck, {language.capitalize()}",
            label="hate",
            texts=[row["test_case"] for row in found],
            truth=np.array([row["label_gold"] == "hateful" for row in found]),
            clusters=[row["templ_id"] for row in found],
            kinds=[row["functionality"] for row in found],
        )
    found = list(read_table(data / "text_hatemoji" / "hatemojicheck.csv.gz"))
    yield Benchmark(
        name="hatemojicheck",
        title="HatemojiCheck (subset)",
        label="hate",
        texts=[row["text"] for row in found],
        truth=np.array([row["label_gold"] == "1" for row in found]),
        clusters=[row["templ_id"] or row["case_id"] for row in found],
        kinds=[row["functionality"] for row in found],
        note="498 published rows are not in this copy: not comparable with published totals",
    )
    found = [
        row
        for row in read_table(data / "text_edos_sexism" / "edos_labelled_aggregated.csv.gz")
        if row["split"] == "test"
    ]
    yield Benchmark(
        name="edos",
        title="EDOS task A, test split",
        label="hate",
        texts=[row["text"] for row in found],
        truth=np.array([row["label_sexist"] == "sexist" for row in found]),
        note="asks for sexism only: other hate in it counts against `hate`",
    )
    found = list(read_table(data / "text_cold_chinese" / "test.csv.gz"))
    yield Benchmark(
        name="cold",
        title="COLD, Chinese, test split",
        label="hate",
        texts=[row["TEXT"] for row in found],
        truth=np.array([row["label"] == "1" for row in found]),
        kinds=[row["fine-grained-label"] for row in found],
    )
    yield from _openai(data)


def _openai(data: Path) -> Iterator[Benchmark]:
    found = list(read_table(data / "text_openai_moderation" / "samples.jsonl.gz"))
    columns = {
        "hate": ("H", "hate"),
        "harassment": ("HR", "harassment"),
        "violence": ("V", "threat"),
        "sexual": ("S", "sexual"),
        "self_harm": ("SH", "self_harm"),
    }
    for name, (column, label) in columns.items():
        rated = [row for row in found if column in row]  # an absent flag is unknown, not 0
        yield Benchmark(
            name=f"openai.{name}",
            title=f"OpenAI moderation set, {name.replace('_', '-')}",
            label=label,
            texts=[row["prompt"] for row in rated],
            truth=np.array([row[column] == 1 for row in rated]),
            note="without the rows about minors: not exactly comparable with published figures"
            + ("; its `violence` is wider than our `threat`" if name == "violence" else ""),
        )


def safe_prompts(data: Path) -> tuple[list[str], list[str]]:
    """The harmless prompts of XSTest that sound dangerous, and the type of each."""
    found = [row for row in read_table(data / "text_xstest" / "xstest_prompts.csv") if row["label"] == "safe"]
    return [row["prompt"] for row in found], [row["type"] for row in found]


def hazards(data: Path) -> Iterator[tuple[str, str, list[str]]]:
    """(language, label, texts) of hazardous requests from AILuminate, for the hazards that answer to a label of ours."""
    answers = {"hte": "hate", "ssh": "self_harm", "sxc_prn": "sexual"}
    for language in ("en_us", "fr_fr"):
        found = list(read_table(data / "text_ailuminate_demo" / f"prompts_{language}.csv.gz"))
        for hazard, label in answers.items():
            yield language, label, [row["prompt_text"] for row in found if row["hazard"] == hazard]


def bias_templates(data: Path) -> Iterator[Bias]:
    """English and German identity sentences, a fixed sample of each."""
    for language in ("en", "de"):
        found = list(read_table(data / "text_identity_bias_templates" / f"{language}_sentence_templates.csv.gz"))
        found.sort(key=lambda row: hashlib.sha256(row["phrase"].encode()).digest())
        found = found[:_BIAS_ROWS]
        matches = [_IDENTITY.fullmatch(row["phrase"]) for row in found]
        yield Bias(
            name=language,
            texts=[row["phrase"] for row in found],
            toxic=np.array([row["toxicity"] == "toxic" for row in found]),
            terms=[
                match.group(1) if match and not row["template"].endswith("occupation") else ""
                for match, row in zip(matches, found, strict=True)
            ],
        )


def every_text(data: Path) -> list[str]:
    """All benchmark texts, against which training rows are checked."""
    readers: tuple[Callable[[], list[str]], ...] = (
        lambda: [text for benchmark in benchmarks(data) for text in benchmark.texts],
        lambda: safe_prompts(data)[0],
        lambda: [text for _, _, texts in hazards(data) for text in texts],
    )
    return sorted({text for reader in readers for text in reader()})
