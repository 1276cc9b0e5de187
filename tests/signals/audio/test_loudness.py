from noisegate.core.modality import Loudness as Measured
from noisegate.core.modality import Role
from noisegate.signals.audio.loudness import Loudness
from noisegate.signals.audio.sounds import silence
from noisegate.testing import audio


def test_what_the_decoder_measured_becomes_facts() -> None:
    """Under the names that policies write."""
    measured = Measured(integrated_lufs=-9.5, range_lu=3.0, true_peak_dbtp=0.4, clipped_share=0.01, silent_share=0.0)
    (facts,) = Loudness().run(None, [audio(silence(1.0), measured=measured)])
    assert facts.values == {
        "integrated_lufs": -9.5,
        "range_lu": 3.0,
        "true_peak_dbtp": 0.4,
        "clipped_share": 0.01,
        "silent_share": 0.0,
    }


def test_what_cannot_be_measured_is_unknown_and_not_zero() -> None:
    """A policy must not take digital silence for a level."""
    nothing = Measured(integrated_lufs=None, range_lu=None, true_peak_dbtp=None, clipped_share=0.0, silent_share=1.0)
    (facts,) = Loudness().run(None, [audio(silence(1.0), measured=nothing)])
    assert facts.values == {"clipped_share": 0.0, "silent_share": 1.0}


def test_stretches_of_a_recording_are_not_measured_again() -> None:
    """Loudness is a property of the programme."""
    assert Loudness().wants(audio(silence(1.0)))
    assert not Loudness().wants(audio(silence(1.0), role=Role.SPEECH))
