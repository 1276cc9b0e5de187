import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from recipes.text_moderation import near, train
from recipes.text_moderation.sources import HEADS, MOST_CHARACTERS, UNKNOWN, Source, rows, sources
from recipes.text_moderation.written import written_rows

RECIPE = Path(train.__file__).parent


def _source(tmp_path: Path, records: list[dict[str, str]], **changed: Any) -> Source:
    (tmp_path / "set").mkdir(exist_ok=True)
    with gzip.open(tmp_path / "set" / "data.csv.gz", "wt", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, fieldnames=list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    body: dict[str, Any] = {
        "name": "set",
        "title": "",
        "licence": "",
        "credit": "",
        "language": "en",
        "reader": "table",
        "folder": "set",
        "files": ("data.csv.gz",),
        "rules": ({"when": {"bad": "1"}, "labels": {"harassment": 1}}, {"when": {"bad": "0"}, "labels": {"threat": 0}}),
    }
    return Source(**(body | changed))


def _known(labels: tuple[int, ...]) -> dict[str, int]:
    return {head: label for head, label in zip(HEADS, labels, strict=True) if label != UNKNOWN}


def test_a_label_no_rule_mentions_stays_unknown(tmp_path: Path) -> None:
    """A set that was asked about one thing says nothing about the others."""
    found = rows(_source(tmp_path, [{"text": "you fool", "bad": "1"}, {"text": "hi", "bad": "0"}]), tmp_path)
    assert [_known(row.labels) for row in found] == [{"harassment": 1}, {"threat": 0}]


def test_rows_that_no_rule_labels_and_rows_that_are_too_long_are_left_out(tmp_path: Path) -> None:
    """The label of a page does not say which sentence earned it."""
    records = [
        {"text": "?", "bad": "unsure"},
        {"text": "x" * (MOST_CHARACTERS + 1), "bad": "1"},
        {"text": " ", "bad": "1"},
    ]
    assert rows(_source(tmp_path, records), tmp_path) == []


def test_a_limit_takes_the_same_rows_whatever_their_order(tmp_path: Path) -> None:
    """Which rows are taken depends on their text alone."""
    records = [{"text": f"text {n}", "bad": "1"} for n in range(20)]
    first = rows(_source(tmp_path, records, limit=5), tmp_path)
    again = rows(_source(tmp_path, records[::-1], limit=5), tmp_path)
    assert [row.text for row in first] == [row.text for row in again]
    assert len(first) == 5


def test_conditions_may_be_ranges_and_lists(tmp_path: Path) -> None:
    """Shares of annotators are compared with bounds, columns with several allowed values."""
    source = _source(
        tmp_path,
        [{"text": "a", "bad": "x"}, {"text": "b", "bad": "z"}],
        rules=({"when": {"bad": ["x", "y"]}, "labels": {"hate": 1}},),
    )
    assert [row.text for row in rows(source, tmp_path)] == ["a"]


def test_a_rule_with_an_unknown_label_is_refused(tmp_path: Path) -> None:
    """The message names the source and what is allowed."""
    source = _source(tmp_path, [{"text": "a", "bad": "1"}], rules=({"when": {}, "labels": {"rude": 1}},))
    with pytest.raises(ValueError, match=r"set: unknown label \['rude'\]; use some of"):
        rows(source, tmp_path)


def test_every_source_carries_licence_credit_and_rules() -> None:
    """What is trained on is named, with the people who made it; benchmarks are not among it."""
    found = sources(RECIPE / "sources")
    assert len(found) > 5
    for source in found:
        assert source.licence, source.name
        assert source.credit, source.name
        assert source.rules, source.name
        assert not {"openai", "hatecheck", "xstest", "ailuminate", "identity"} & set(source.folder.split("_"))
    (edos,) = (source for source in found if source.name == "edos")
    assert "test" not in edos.keep["split"]


def test_written_sentences_are_the_same_in_every_run_and_fully_labelled() -> None:
    """No slot is left open, every head is known or deliberately left open."""
    found = written_rows(RECIPE / "written", seed=1, most=4)
    assert found == written_rows(RECIPE / "written", seed=1, most=4)
    assert not [row.text for row in found if "{" in row.text or "}" in row.text]
    labels = np.array([row.labels for row in found])
    assert (labels == 1).any(axis=0).all()
    assert ((labels == 0).sum(axis=0) > 1000).all()
    assert {row.language for row in found} >= {"en", "de", "es", "fr", "pt", "it"}


def test_probes_are_not_among_the_written_sentences() -> None:
    """What checks the heads must not have taught them."""
    written = {row.text.casefold() for row in written_rows(RECIPE / "written", seed=1, most=6)}
    probes = train.probe_texts()
    assert not [text for text in probes if text.casefold() in written]
    assert len(probes) > 100
    body = yaml.safe_load((RECIPE / "probes.yaml").read_text(encoding="utf-8"))
    assert set(body["positive"]) <= set(HEADS)


NEAR = "the quick brown fox jumps over the lazy dog near the river bank"


def test_near_duplicates_share_a_group_and_others_do_not() -> None:
    """Small changes of wording do not put a sentence on two sides of a split."""
    texts = [
        NEAR,
        NEAR.upper() + "!",
        NEAR.replace("lazy", "sleepy"),
        "a completely different sentence about bread",
        "bread",
    ]
    groups = near.groups(texts, [()] * len(texts), seed=1)
    assert groups[0] == groups[1] == groups[2]
    assert len({int(groups[0]), int(groups[3]), int(groups[4])}) == 3


def test_named_groups_join_rows_that_look_nothing_alike() -> None:
    """A post and its counter-example belong together."""
    groups = near.groups(["one thing", "another matter", "a third one"], [("pair:1",), (), ("pair:1",)], seed=1)
    assert groups[0] == groups[2] != groups[1]


def test_texts_close_to_a_test_text_are_recognised() -> None:
    """Training rows that repeat a benchmark are found, others are not."""
    touching = near.touching([NEAR + " today", "something else entirely, about tea", "ok"], [NEAR, "ok"], seed=1)
    assert touching.tolist() == [True, False, True]
