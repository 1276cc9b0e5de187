from pathlib import Path

import pytest

from noisegate.adapters.banks import Banks
from noisegate.core.errors import InvalidInputError, UnknownNameError
from noisegate.core.ids import Digest
from noisegate.core.signal import BankEntry

ONE = BankEntry(id="1", hashes={"pdq": "00"}, label="illegal.copyright")
TWO = BankEntry(id="2", hashes={"pdq": "ff"}, label="illegal.copyright", note="resold")


def test_a_bank_can_be_read_as_it_was_under_an_earlier_digest(tmp_path: Path) -> None:
    """A score that says against which bank it was computed can be computed again."""
    banks = Banks(tmp_path)
    before = banks.add("default", [ONE])
    after = banks.add("default", [TWO])
    assert before != after
    assert banks.entries("default", before) == (ONE,)
    assert banks.entries("default", after) == (ONE, TWO)


def test_adding_the_same_entry_twice_changes_nothing(tmp_path: Path) -> None:
    """The digest, and with it every fingerprint, moves only when the bank holds something new."""
    banks = Banks(tmp_path)
    assert banks.add("default", [ONE]) == banks.add("default", [ONE])


def test_an_empty_bank_has_the_empty_digest(tmp_path: Path) -> None:
    """Nothing to compare with is said so."""
    banks = Banks(tmp_path)
    assert banks.digest("default") == ""
    assert banks.entries("default", Digest("")) == ()


def test_a_digest_the_bank_never_had_is_unknown(tmp_path: Path) -> None:
    """Never answer from another state than the one asked for."""
    banks = Banks(tmp_path)
    banks.add("default", [ONE])
    with pytest.raises(UnknownNameError, match="never had the digest"):
        banks.entries("default", Digest("sha256:other"))


def test_the_digest_follows_what_other_processes_add(tmp_path: Path) -> None:
    """A worker that runs for weeks compares with what was added a minute ago."""
    worker, command = Banks(tmp_path), Banks(tmp_path)
    assert worker.digest("default") == ""
    first = command.add("default", [ONE])
    assert worker.digest("default") == first
    second = command.add("default", [TWO])
    assert worker.digest("default") == second


def test_half_an_entry_does_not_count(tmp_path: Path) -> None:
    """Somebody is writing it at this moment, or was killed while writing; the next entry takes its place."""
    banks = Banks(tmp_path)
    before = banks.add("default", [ONE])
    with (tmp_path / "default.jsonl").open("ab") as file:
        file.write(b'{"id": "2", "hash')
    assert banks.digest("default") == before
    assert banks.entries("default", before) == (ONE,)
    after = banks.add("default", [TWO])
    assert banks.entries("default", after) == (ONE, TWO)


def test_an_entry_given_twice_is_kept_once(tmp_path: Path) -> None:
    """Also within one call."""
    banks = Banks(tmp_path)
    assert banks.entries("default", banks.add("default", [ONE, ONE])) == (ONE,)


@pytest.mark.parametrize("name", ["", "../x", "A", "a" * 64, ".hidden"])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    """A bank's name becomes a file name."""
    with pytest.raises(InvalidInputError, match="a bank cannot be called"):
        Banks(tmp_path).add(name, [ONE])
