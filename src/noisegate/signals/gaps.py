"""What Noisegate cannot detect: signals for which no usable, openly licensed detector is known to us.

They are in the catalogue so that a policy can name them and say in `if_missing` what then follows, and so that nobody
takes their absence for safety. Whoever has such a detector writes a signal of the same name, and it takes the gap's
place. This module must never hold a rule of thumb that pretends to be a detector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noisegate.core.errors import NotInstalledError, UnknownNameError
from noisegate.core.modality import Audio, Image, Part, Role
from noisegate.core.signal import Cost, Example, Failure, LoadContext, Scores, Signal, SignalSpec

_WHOLE_SOUND = frozenset({Role.RECORDING, Role.SOUNDTRACK})
_VOICE = frozenset({Role.SPEECH, Role.SINGING})
_MUSIC = frozenset({Role.MUSIC, Role.SINGING})


def _declare(
    name: str, summary: str, labels: Mapping[str, str], *, filled_by: str, roles: frozenset[Role] | None = None
) -> SignalSpec:
    return SignalSpec(
        name=name,
        version="1.0.0",
        summary=summary,
        labels=labels,
        roles=roles,
        cost=Cost(cpu_s=0.0, tier=0),
        licence="none",
        limits="Not installed: it has no answer for anything.",
        gap=filled_by,
    )


_DECLARED: Mapping[str, tuple[type[Part], SignalSpec]] = {
    spec.name: (over, spec)
    for over, spec in (
        (
            Audio,
            _declare(
                "audio.events",
                "Sounds that are neither speech nor music: gunfire, screams, moans.",
                {"sexual": "sensitive.sexual", "violence": "advisory.mature"},
                filled_by="an AudioSet classifier such as YAMNet, PANNs or BEATs",
                roles=_WHOLE_SOUND,
            ),
        ),
        (
            Audio,
            _declare(
                "audio.synthetic_voice",
                "Speech or singing made by a machine, or in the voice of somebody else.",
                {"clone": "deceptive.voice_clone", "synthetic": "deceptive.undeclared_ai"},
                filled_by="an anti-spoofing model such as AASIST; for clones, speaker verification against the artist",
                roles=_VOICE,
            ),
        ),
        (
            Image,
            _declare(
                "image.gore",
                "Blood, wounds and mutilation, of people or animals.",
                {"animal_cruelty": "sensitive.animal_cruelty", "gore": "sensitive.gore"},
                filled_by="an image-text model such as SigLIP 2 asked in the policy's words, or a vision-language judge",
            ),
        ),
        (
            Image,
            _declare(
                "image.hate_symbols",
                "Symbols of hate groups and of extremist organisations.",
                {"symbol": "dangerous.hate.symbol"},
                filled_by="an open-vocabulary detector such as OWLv2 or Grounding DINO, tested on your own symbols",
            ),
        ),
        (
            Image,
            _declare(
                "image.synthetic",
                "Pictures made or altered by a machine and shown as real.",
                {"synthetic": "deceptive.manipulated_media"},
                filled_by="a reader of Content Credentials (C2PA); detectors trained on one generator rarely know the next",
            ),
        ),
        (
            Audio,
            _declare(
                "match.copyright",
                "Recordings that belong to somebody else.",
                {"recording": "illegal.copyright"},
                filled_by="Chromaprint fingerprints against a bank, or a rights holder's service",
                roles=_WHOLE_SOUND,
            ),
        ),
        (
            Audio,
            _declare(
                "music.synthetic",
                "Music made by a machine.",
                {"synthetic": "deceptive.undeclared_ai"},
                filled_by="a model such as SpecTTTra, trained on the SONICS set",
                roles=_MUSIC,
            ),
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Gap(Signal[Part, Scores]):
    """A detector that is declared and does not exist: it cannot be loaded and has an answer for nothing."""

    name: str
    """Of the signal it stands for."""

    def __post_init__(self) -> None:
        if self.name not in _DECLARED:
            raise UnknownNameError.among("gap", self.name, _DECLARED)
        # other signals have one declaration for the class; here every instance has its own
        over, spec = _DECLARED[self.name]
        object.__setattr__(self, "accepts", over)
        object.__setattr__(self, "spec", spec)

    def load(self, ctx: LoadContext) -> Any:  # noqa: ARG002 - there is nothing to load
        """Raise NotInstalledError, always."""
        raise NotInstalledError(
            f"`{self.name}` is not installed: Noisegate ships no detector for it",
            hint=f"{self.spec.gap} could fill it: give a signal of yours the name `{self.name}`",
        )

    def run(self, model: Any, batch: Sequence[Part]) -> Sequence[Failure]:  # noqa: ARG002 - there is no model
        """A `not_installed` failure for every part."""
        message = f"`{self.name}` is not installed: Noisegate ships no detector for it"
        return [Failure(kind="not_installed", message=message, retryable=True) for _ in batch]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """None: there is no answer to show."""
        return ()


GAPS = tuple(Gap(name=name) for name in _DECLARED)
"""Every gap. The assembly adds those whose name no real signal has taken."""
