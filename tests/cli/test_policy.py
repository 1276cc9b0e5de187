from pathlib import Path

from commands import PACKS, Command


def pack(tmp_path: Path, *, change: tuple[str, str] = ("", ""), name: str = "loud-episodes") -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    for file, text in PACKS[name].items():
        (folder / file).write_text(text.replace(*change), "utf-8")
    return folder


def test_a_pack_whose_examples_hold_is_fine(noisegate: Command, tmp_path: Path) -> None:
    """Name, version, digest, rules and how many examples were run."""
    folder = pack(tmp_path)
    answer = noisegate("policy", "check", folder, "--json")
    assert answer.code == 0
    (said,) = answer.lines
    assert (said["pack"], said["version"], said["rules"], said["examples"]) == ("loud-episodes", 1, ["too-loud"], 1)
    assert said["failed"] == []
    assert noisegate("policy", "check", folder).text == "loud-episodes@1: 1 rules, 1 of 1 examples hold\n"


def test_an_example_that_does_not_hold_fails_the_check(noisegate: Command, tmp_path: Path) -> None:
    """Exit 1, and which one."""
    folder = pack(tmp_path, change=("-2.0", "-20.0"))
    answer = noisegate("policy", "check", folder, "--json")
    assert answer.code == 1
    assert [failed["name"] for failed in answer.lines[0]["failed"]] == ["loud"]
    assert noisegate("policy", "check", folder).text.startswith("failed: ")


def test_a_pack_that_does_not_compile_is_drawn_with_its_place(noisegate: Command, tmp_path: Path) -> None:
    """Exit 2: the file, the line, a caret and what was probably meant; `error:` once."""
    folder = pack(tmp_path, change=("loudness.integrated_lufs, -6", "loudness.integrated_lufz, -6"))
    answer = noisegate("policy", "check", folder)
    assert (answer.code, answer.out) == (2, b"")
    assert answer.err.startswith("error: `loudness` has no output `integrated_lufz`\n  --> ")
    assert "when: any_at_least(loudness.integrated_lufz, -6.0)\n" in answer.err
    assert "did you mean `integrated_lufs`?" in answer.err


def test_a_folder_that_is_no_pack_says_what_a_pack_is(noisegate: Command, tmp_path: Path) -> None:
    """The hint can be acted upon."""
    answer = noisegate("policy", "check", tmp_path)
    assert answer.code == 2
    assert "a pack is a folder with `pack.yaml` and `examples.yaml`" in answer.err
