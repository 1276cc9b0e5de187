from pathlib import Path

from small_world import SmallSystem, small_settings

from noisegate.core.signal import BankEntry
from noisegate.settings import Settings
from noisegate.system import System

ENTRY = BankEntry(id="1", hashes={"pdq": "0f" * 32}, label="illegal.copyright")


def test_what_is_added_to_a_bank_is_compared_with_from_then_on(tmp_path: Path) -> None:
    """A process that runs for weeks sees the entry that another one added a moment ago."""
    with System(Settings(data_dir=tmp_path, packs_dir=tmp_path)) as system:
        before = system.catalogue["match.image"]
        assert system.catalogue["match.image"] is before
        assessor, judge = system.judge.assessor, system.judge

        system.banks.add("default", [ENTRY])
        after = system.catalogue["match.image"]
        assert after.fingerprint != before.fingerprint
        assert system.plan.catalogue["match.image"] is after
        assert system.judge.assessor.plan is system.plan
        assert system.judge.tally is judge.tally
        assert assessor.plan.catalogue["match.image"] is before


def test_a_catalogue_that_was_given_stays(tmp_path: Path) -> None:
    """Tests and embedded uses choose their own signals."""
    with SmallSystem(small_settings(tmp_path, "postgresql://nowhere")) as system:
        assert system.catalogue is system.catalogue
        assert system.plan is system.plan
