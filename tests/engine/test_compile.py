"""Compiling packs. The wording of every error is kept beside the bad pack that causes it, in `errors/NAME.txt`.

To accept changed words, run `NOISEGATE_REFRESH=1 pytest tests/engine/test_compile.py` and read the diff.
"""

import os
from pathlib import Path

import pytest
from policykit import CATALOGUE, MODERATION, TAXONOMY, Line, declared, pack_files, pack_of

from noisegate.core.errors import PolicyError
from noisegate.core.item import ItemKind
from noisegate.core.policy import Action, Ground
from noisegate.engine.catalogue import Catalogue
from noisegate.engine.compile import CompiledPack, compile_pack, digest_of_files

ERRORS = Path(__file__).parent / "errors"
BAD_PACKS = sorted(path for path in ERRORS.iterdir() if path.is_dir())


def files_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(folder.iterdir())}


def compiled(files: dict[str, str], **changes: str) -> CompiledPack:
    return compile_pack({**files, **changes}, CATALOGUE, TAXONOMY)


@pytest.mark.parametrize("folder", BAD_PACKS, ids=lambda path: path.name)
def test_a_bad_pack_is_refused_in_these_words(folder: Path) -> None:
    """All errors at once, each with its place, a caret and what to write instead."""
    with pytest.raises(PolicyError) as refused:
        compile_pack(files_of(folder), CATALOGUE, TAXONOMY, folder=f"packs/{folder.name}")
    said = f"{refused.value}\n"
    snapshot = ERRORS / f"{folder.name}.txt"
    if os.environ.get("NOISEGATE_REFRESH"):
        snapshot.write_text(said, "utf-8")
    assert said == snapshot.read_text("utf-8")


def test_every_snapshot_has_its_bad_pack() -> None:
    """No wording is kept that nothing says."""
    assert {path.stem for path in ERRORS.glob("*.txt")} == {path.name for path in BAD_PACKS}


def test_messages_follow_the_house_style() -> None:
    """Small first letter, no full stop, names in backticks."""
    messages = [
        line.removeprefix("error: ")
        for snapshot in ERRORS.glob("*.txt")
        for line in snapshot.read_text("utf-8").splitlines()
        if line.startswith("error: ")
    ]
    assert len(messages) > 100
    assert [m for m in messages if m[0].isupper() or m.endswith(".") or m.count("`") % 2] == []


def test_a_pack_says_everything_that_was_written() -> None:
    """Nothing of the files is lost or made up."""
    files = files_of(ERRORS / "unused-signal")
    files["pack.yaml"] = (
        files["pack.yaml"]
        .replace(
            "owner: trust@example.org",
            "owner: trust@example.org\nscope: {kinds: [track], markets: [NO], surfaces: [radio]}",
        )
        .replace("any(moderation.threat, 0.6)", "any(nudity.explicit, 0.6)")
        .replace("then: {action: block}", "then: {action: limit, surfaces: [search], labels: [advisory.mature]}")
    )
    whole = compiled(files)
    pack = whole.pack
    assert whole.name == pack.name
    assert (pack.name, pack.version, pack.title, pack.owner) == (
        "neighbours",
        3,
        "Being good neighbours",
        "trust@example.org",
    )
    assert pack.text == "Do not threaten people."
    assert pack.scope.kinds == {ItemKind.TRACK}
    assert pack.scope.markets == {"NO"}
    assert pack.scope.surfaces == {"radio"}
    assert pack.signals == {"moderation": "text.moderation@1", "nudity": "image.nudity@1"}
    assert [rule.id for rule in pack.rules] == ["clear-threat", "possible-threat"]
    assert pack.rules[0].then.action is Action.LIMIT
    assert pack.rules[0].then.surfaces == ("search",)
    assert pack.rules[0].then.labels == ("advisory.mature",)
    assert pack.rules[1].then.queue == "threats"
    assert pack.otherwise.sample == 0.01
    assert pack.if_missing == {"moderation": Action.REVIEW, "nudity": Action.REVIEW}
    assert pack.on_deadline is Action.REVIEW
    assert (pack.notice.ground, pack.notice.clause, pack.notice.appeal_within_days) == (Ground.TERMS, "4.1", 184)
    assert [example.name for example in pack.examples] == ["a threat", "perhaps a threat"]
    assert pack.sources == files


def test_only_outputs_that_conditions_use_are_variables() -> None:
    """An output that a newer signal adds cannot change a decision."""
    pack = pack_of(Line(when="any(moderation.threat, 0.9) && any(nudity.explicit, 0.9)"))
    assert set(pack.variables) == {"moderation.threat", "nudity.explicit"}
    assert pack.signals == {"moderation": "text.moderation", "nudity": "image.nudity"}


def test_the_digest_covers_every_file_and_nothing_else() -> None:
    """Any change to any file is another pack; the folder it lies in is not part of it."""
    files = pack_files(Line(when="any(moderation.threat, 0.9)"))
    digest = compiled(files).pack.digest
    assert compile_pack(files, CATALOGUE, TAXONOMY, folder="elsewhere").pack.digest == digest
    assert compiled(files, **{"guideline.md": "Look twice."}).pack.digest != digest
    assert compiled(files, **{"suite.yaml": "targets: []"}).pack.digest != digest
    assert compiled(files, **{"pack.yaml": files["pack.yaml"] + "\n"}).pack.digest != digest
    assert digest == digest_of_files(files)


def test_a_condition_means_the_same_in_every_yaml_style() -> None:
    """Folded, literal, quoted or plain: only the meaning counts."""
    files = pack_files(Line(when="any(moderation.threat, 0.9)"))
    for style in (
        ">-\n      any(moderation.threat,\n      0.9)",
        "|\n      any(moderation.threat, 0.9)\n",
        '"any(moderation.threat, 0.9)"',
    ):
        text = files["pack.yaml"].replace("'any(moderation.threat, 0.9)'", style)
        assert compiled(files, **{"pack.yaml": text}).conditions[0].uses == compiled(files).conditions[0].uses


def test_outputs_that_conditions_cannot_spell_are_left_out() -> None:
    """A signal may have them; a pack cannot name them."""
    odd = declared("odd.signal", MODERATION.accepts, labels={"a-b": "dangerous.threat", "ok": "dangerous.threat"})
    files = pack_files(Line(when="any(moderation.ok, 0.9)"))
    text = files["pack.yaml"].replace("text.moderation@1", "odd.signal@1")
    pack = compile_pack({**files, "pack.yaml": text}, Catalogue([odd]), TAXONOMY)
    assert set(pack.variables) == {"moderation.ok"}


def test_suite_must_be_yaml() -> None:
    """Its contents are read by evaluation."""
    with pytest.raises(PolicyError, match=r"suite\.yaml:1:5"):
        compiled(pack_files(Line(when="true")), **{"suite.yaml": "a: ["})
