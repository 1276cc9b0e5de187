"""What tests of policies share: signals that only declare themselves, a small pack, and inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noisegate.core.decision import Gap, Inputs, Known, Missing, Observation
from noisegate.core.modality import Audio, Image, Modality, Part, Role, Text
from noisegate.core.signal import Cost, Example, FactType, Signal, SignalSpec
from noisegate.core.taxonomy import default_taxonomy
from noisegate.engine.catalogue import AnySignal, Catalogue
from noisegate.engine.compile import CompiledPack, compile_pack

TAXONOMY = default_taxonomy()


def declared(
    name: str,
    accepts: type[Part],
    *,
    version: str = "1.0.0",
    tier: int = 0,
    labels: Mapping[str, str] | None = None,
    facts: Mapping[str, FactType] | None = None,
    makes: Mapping[Role, Modality] | None = None,
) -> AnySignal:
    """A signal that declares itself and runs nothing."""

    @dataclass(frozen=True, kw_only=True)
    class Declared(Signal[Any, Any]):
        spec = SignalSpec(
            name=name,
            version=version,
            summary="",
            labels=labels or {},
            facts=facts or {},
            makes=makes or {},
            cost=Cost(cpu_s=0.0, tier=tier),
        )

        def run(self, model: Any, batch: Sequence[Any]) -> Sequence[Any]:
            return []

        @classmethod
        def examples(cls) -> Sequence[Example]:
            return []

    Declared.accepts = accepts
    return Declared()


MODERATION = declared(
    "text.moderation",
    Text,
    version="1.2.0",
    labels={
        "hate": "dangerous.hate",
        "harassment": "dangerous.harassment",
        "threat": "dangerous.threat",
        "sexual": "sensitive.sexual",
        "self_harm": "dangerous.self_harm",
    },
)
PROFANITY = declared("text.profanity", Text, labels={"profanity": "advisory.profanity"})
LANGUAGE = declared("text.language", Text, facts={"language": FactType.STRING, "confidence": FactType.NUMBER})
LOUDNESS = declared(
    "audio.loudness", Audio, facts={"integrated_lufs": FactType.NUMBER, "stereo": FactType.BOOLEAN}, tier=1
)
NUDITY = declared("image.nudity", Image, labels={"explicit": "sensitive.sexual"}, tier=1)
TRANSCRIPT = declared("audio.transcript", Audio, makes={Role.TRANSCRIPT: Modality.TEXT}, tier=2)
CATALOGUE = Catalogue([MODERATION, PROFANITY, LANGUAGE, LOUDNESS, NUDITY, TRANSCRIPT])

SIGNALS = {
    "moderation": "text.moderation@1",
    "language": "text.language@1",
    "loudness": "audio.loudness@1",
    "nudity": "image.nudity@1",
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """A rule in few words."""

    when: str
    action: str = "block"
    id: str = "bad"
    label: str = "dangerous.threat"
    more: str = ""
    """Further keys of `then`."""


def pack_files(
    *rules: Line,
    if_missing: Mapping[str, str] | str = "review",
    on_deadline: str = "review",
    otherwise: str = "{action: allow}",
    scope: str = "{}",
) -> dict[str, str]:
    """The files of a pack with these rules; every signal that a rule names is listed."""
    used = [alias for alias in SIGNALS if any(f"{alias}." in rule.when for rule in rules)]
    missing = if_missing if isinstance(if_missing, Mapping) else dict.fromkeys(used, if_missing)
    lines = ["pack: demo", "version: 1", "title: A demonstration", "owner: tests", "policy: Nothing bad."]
    lines += [f"scope: {scope}", f"signals: {{{', '.join(f'{alias}: {SIGNALS[alias]}' for alias in used)}}}", "rules:"]
    for rule in rules:
        lines += [
            f"  - id: {rule.id}",
            f"    when: '{rule.when}'",
            f"    then: {{action: {rule.action}{', ' + rule.more if rule.more else ''}}}",
            f"    reason: It is {rule.id}.",
            f"    label: {rule.label}",
        ]
    lines += [
        f"otherwise: {otherwise}",
        f"if_missing: {{{', '.join(f'{alias}: {missing[alias]}' for alias in used)}}}",
        f"on_deadline: {on_deadline}",
        "notice: {ground: terms, clause: '1', text: Our terms do not allow it.}",
    ]
    examples = [f"- {{name: {r.id}, given: {{}}, rule: {r.id}, action: {r.action}}}" for r in rules]
    return {"pack.yaml": "\n".join(lines) + "\n", "examples.yaml": "\n".join(examples) + "\n"}


def pack_of(*rules: Line, catalogue: Catalogue = CATALOGUE, **settings: Any) -> CompiledPack:
    """That pack, compiled."""
    return compile_pack(pack_files(*rules, **settings), catalogue, TAXONOMY)


def inputs(known: Mapping[str, Known] | None = None, *, dice: float = 1.0, **context: Any) -> Inputs:
    """Inputs with an ordinary item."""
    item = {"kind": "track", "surface": "catalogue", "markets": ("*",), **context}
    return Inputs(item=item, known=known or {}, fingerprints={}, dice=dice)


def scores(*values: float, role: Role = Role.TITLE) -> Known:
    """One part for each score, each with one place of one second."""
    observations = tuple(Observation(role=role, score=v, places=((v, 1.0),) if v >= 0.25 else ()) for v in values)
    return Known(observations=observations)


def facts(*values: str | float | bool, role: Role = Role.TITLE) -> Known:
    """One part for each fact."""
    return Known(facts=tuple((role, value) for value in values))


def gap(why: Gap = Gap.FAILED, *, role: Role = Role.TITLE, signal: str = "text.moderation") -> Known:
    """Nothing but a place where something could be."""
    return Known(missing=(Missing(role=role, gap=why, signal=signal),))


def both(*known: Known) -> Known:
    """All of these together."""
    return Known(
        observations=tuple(o for k in known for o in k.observations),
        missing=tuple(m for k in known for m in k.missing),
        facts=tuple(f for k in known for f in k.facts),
    )
