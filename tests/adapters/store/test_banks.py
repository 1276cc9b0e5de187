import pytest

from noisegate.adapters.store.banks import bank_digest
from noisegate.adapters.store.store import Store
from noisegate.core.errors import InvalidInputError, UnknownNameError
from noisegate.core.ids import Digest
from noisegate.core.signal import BankEntry

ONE = BankEntry(id="1", hashes={"pdq": "0f" * 32, "phash": "a" * 16}, label="spam", note="a poster")
TWO = BankEntry(id="2", hashes={"pdq": "f0" * 32}, label="spam")


def test_every_state_a_bank_ever_had_can_be_had_again(store: Store) -> None:
    """By its digest, which says nothing about the order in which entries came."""
    first = store.banks.add("posters", [ONE])
    both = store.banks.add("posters", [TWO], actor="key:a")
    less = store.banks.remove("posters", ["1"])
    assert store.banks.entries("posters", first) == [ONE]
    assert store.banks.entries("posters", both) == [ONE, TWO]
    assert store.banks.entries("posters", less) == [TWO]
    assert store.banks.digest("posters") == less
    assert both == bank_digest([TWO, ONE])
    assert store.banks.add("posters", [ONE]) == both
    assert store.banks.names() == ("posters",)
    assert store.banks.all()[0].entries == 2
    assert [entry.actor for entry in store.ledger.after()] == ["system", "key:a", "system", "system"]


def test_an_entry_under_a_known_id_replaces_it(store: Store) -> None:
    """The older state keeps the older entry."""
    old = store.banks.add("posters", [ONE])
    new = store.banks.add("posters", [BankEntry(id="1", hashes=TWO.hashes, label="spam")])
    assert store.banks.entries("posters", new)[0].hashes == TWO.hashes
    assert store.banks.entries("posters", old) == [ONE]


def test_a_bank_without_entries_has_the_empty_digest(store: Store) -> None:
    """Nobody has to make a bank before it is used."""
    assert store.banks.digest("posters") == ""
    assert store.banks.entries("posters", Digest("")) == ()


def test_what_is_not_there_is_named(store: Store) -> None:
    """A bank, an entry, a digest."""
    store.banks.add("posters", [ONE])
    with pytest.raises(UnknownNameError, match="no bank is called `flyers`"):
        store.banks.remove("flyers", ["1"])
    with pytest.raises(UnknownNameError, match="`posters` has no entry `9`"):
        store.banks.remove("posters", ["1", "9"])
    assert store.banks.entries("posters", store.banks.digest("posters")) == [ONE]
    with pytest.raises(UnknownNameError, match="never had the digest"):
        store.banks.entries("posters", bank_digest([TWO]))


@pytest.mark.parametrize(
    ("hashes", "complaint"),
    [
        ({"md5": "00"}, "`md5` is not a kind of hash; allowed: pdq, phash"),
        ({"pdq": "00"}, "`00` is not a pdq hash: 64 hexadecimal digits"),
        ({"phash": "F" * 16}, "is not a phash hash: 16 or 64 hexadecimal digits, in lower case"),
    ],
)
def test_what_is_not_a_hash_is_refused(store: Store, hashes: dict[str, str], complaint: str) -> None:
    """The message says how one looks."""
    with pytest.raises(InvalidInputError, match=complaint):
        store.banks.add("posters", [BankEntry(id="1", hashes=hashes, label="spam")])


def test_a_bank_has_a_plain_name(store: Store) -> None:
    """It becomes part of a signal's configuration."""
    with pytest.raises(InvalidInputError, match="allowed: lower-case letters"):
        store.banks.add("../posters", [ONE])
