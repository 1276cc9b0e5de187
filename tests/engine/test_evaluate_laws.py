"""Laws that hold for every pack and every way results can come out, tried on random ones.

A `World` is an item with all its results, as if everything had run; `seen` shows it as it is after some signals ran.
"""

import json
from dataclasses import dataclass, replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from policykit import CATALOGUE, TAXONOMY, Line, declared, pack_files

from noisegate.core.decision import Decision, Gap, Inputs, Known, Missing, Observation
from noisegate.core.ids import ItemId, canonical_json, plain
from noisegate.core.modality import Role, Text
from noisegate.core.policy import Action
from noisegate.core.signal import FactValue
from noisegate.engine.catalogue import Catalogue
from noisegate.engine.compile import CompiledPack, compile_pack
from noisegate.engine.evaluate import evaluate, wanted
from noisegate.engine.records import decision_from_json

ITEM = ItemId("itm_1")
HEARD = "audio.transcript"
LAWS = settings(max_examples=120, deadline=None)


@dataclass(frozen=True)
class Slot:
    """A part and what its signal says of it, for one output; None for a failure."""

    variable: str
    signal: str
    role: Role
    result: Observation | FactValue | None

    @property
    def heard(self) -> bool:
        """Whether the part exists only once speech has been recognised."""
        return self.role is Role.TRANSCRIPT


@dataclass(frozen=True)
class World:
    """Everything there is to know of one item."""

    slots: tuple[Slot, ...]
    recording: bool
    hears: bool
    """Whether recognising speech works."""
    context: tuple[tuple[str, FactValue | tuple[str, ...]], ...]
    dice: float

    def seen(self, ran: frozenset[str]) -> Inputs:
        """What is known when these signals have run."""
        return Inputs(
            item=dict(self.context),
            known={name: self._known(name, ran) for name in SIGNAL_OF},
            fingerprints={"moderation": "f1", "nudity": "f2", "language": "f3", "loudness": "f4"},
            dice=self.dice,
        )

    def _known(self, variable: str, ran: frozenset[str]) -> Known:
        signal = SIGNAL_OF[variable]
        observations, facts, missing = [], [], []
        for slot in self.slots:
            if slot.variable != variable or (slot.heard and not (HEARD in ran and self.recording and self.hears)):
                continue
            if signal not in ran:
                missing.append(Missing(role=slot.role, gap=Gap.PENDING, signal=signal))
            elif slot.result is None:
                missing.append(Missing(role=slot.role, gap=Gap.FAILED, signal=signal, message="it broke"))
            elif isinstance(slot.result, Observation):
                observations.append(slot.result)
            else:
                facts.append((slot.role, slot.result))
        if self.recording and signal in {"text.moderation", "text.language"} and (HEARD not in ran or not self.hears):
            gap = Gap.FAILED if HEARD in ran else Gap.PENDING
            missing.append(Missing(role=Role.TRANSCRIPT, gap=gap, signal=HEARD))
        return Known(observations=tuple(observations), missing=tuple(dict.fromkeys(missing)), facts=tuple(facts))


SIGNAL_OF = {
    "moderation.threat": "text.moderation",
    "moderation.hate": "text.moderation",
    "nudity.explicit": "image.nudity",
    "language.language": "text.language",
    "loudness.integrated_lufs": "audio.loudness",
}
EVERYTHING = frozenset({*SIGNAL_OF.values(), HEARD})
TEXTS = st.sampled_from([Role.TITLE, Role.DESCRIPTION, Role.TRANSCRIPT])
LEVELS = st.sampled_from([0.0, 0.25, 0.3, 0.5, 0.7, 0.9, 1.0])
THRESHOLDS = st.sampled_from(["0.3", "0.5", "0.9"])


@st.composite
def observations(draw: st.DrawFn, role: Role) -> Observation:
    places = draw(st.lists(st.tuples(LEVELS.filter(lambda s: s >= 0.25), st.sampled_from([0.0, 1.5, 4.0])), max_size=2))
    return Observation(role=role, score=draw(LEVELS), places=tuple(places))


@st.composite
def results(draw: st.DrawFn, variable: str, role: Role) -> Observation | FactValue:
    if variable == "language.language":
        return draw(st.sampled_from(["de", "en"]))
    if variable == "loudness.integrated_lufs":
        return draw(st.sampled_from([-40.0, -14.0, -3.0]))
    return draw(observations(role))


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    variable = draw(st.sampled_from(sorted(SIGNAL_OF)))
    roles = {"nudity": st.just(Role.COVER), "loudness": st.just(Role.RECORDING)}
    role = draw(roles.get(variable.partition(".")[0], TEXTS))
    result = draw(st.one_of(st.none(), results(variable, role)))
    return Slot(variable, SIGNAL_OF[variable], role, result)


WORLDS = st.builds(
    World,
    slots=st.lists(slots(), max_size=8).map(tuple),
    recording=st.booleans(),
    hears=st.booleans(),
    context=st.tuples(
        st.tuples(st.just("kind"), st.sampled_from(["track", "video"])),
        st.tuples(st.just("surface"), st.just("catalogue")),
        st.tuples(st.just("markets"), st.sampled_from([("*",), ("DE", "FR")])),
        st.tuples(st.just("has.cover"), st.booleans()),
    ),
    dice=st.sampled_from([0.0, 0.3, 1.0]),
)


@st.composite
def leaves(draw: st.DrawFn) -> str:
    score = draw(st.sampled_from(["moderation.threat", "moderation.hate", "nudity.explicit"]))
    roles = ["", ', "cover"'] if score.startswith("nudity") else ["", ', "title"', ', ["title", "transcript"]']
    threshold, role = draw(THRESHOLDS), draw(st.sampled_from(roles))
    compared = draw(st.sampled_from([">=", "<"]))
    return draw(
        st.sampled_from(
            [
                f"any({score}, {threshold}{role})",
                f"max({score}{role}) {compared} {threshold}",
                f"share_above({score}, {threshold}{role}) {compared} 0.5",
                f"count_above({score}, {threshold}{role}) {compared} 2",
                f"seconds_above({score}, {threshold}{role}) {compared} 3.0",
                'any_equal(language.language, "de")',
                "any_at_most(loudness.integrated_lufs, -30.0)",
                'item.kind == "track"',
                "item.has.cover",
                'covers(item.markets, "DE")',
            ]
        )
    )


CONDITIONS = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda c: f"!({c})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} ? {t[1]} : {t[2]})"),
    ),
    max_leaves=4,
)
ACTIONS = st.sampled_from(["allow", "age_gate", "limit", "review", "block"])


@st.composite
def packs(draw: st.DrawFn) -> dict[str, str]:
    """The files of a pack."""
    conditions = draw(st.lists(CONDITIONS, min_size=1, max_size=3))
    rules = [Line(id=f"rule-{n}", when=when, action=draw(ACTIONS)) for n, when in enumerate(conditions)]
    return pack_files(
        *rules,
        if_missing={alias: draw(ACTIONS) for alias in ("moderation", "language", "loudness", "nudity")},
        on_deadline=draw(ACTIONS),
        otherwise=f"{{action: {draw(ACTIONS)}, sample: {draw(st.sampled_from(['0', '0.5', '1']))}}}",
    )


def compiled(files: dict[str, str], catalogue: Catalogue = CATALOGUE) -> CompiledPack:
    return compile_pack(files, catalogue, TAXONOMY)


def concluded(decision: Decision) -> Decision:
    """A decision without the inputs it was taken on, to compare what it says."""
    return replace(decision, inputs=Inputs(item={}, known={}, fingerprints={}, dice=0.0))


def cascade(pack: CompiledPack, world: World) -> frozenset[str]:
    """What has run when only what is wanted is run, round after round."""
    ran: frozenset[str] = frozenset()
    while needs := wanted(pack, world.seen(ran), CATALOGUE):
        assert not needs & ran, "what has run is never wanted again"
        ran |= needs
    return ran


@LAWS
@given(files=packs(), world=WORLDS, ran=st.sets(st.sampled_from(sorted(EVERYTHING))))
def test_a_decision_follows_byte_for_byte_from_its_recorded_inputs(
    files: dict[str, str], world: World, ran: set[str]
) -> None:
    """Also when it was written down and read back, and the pack compiled again."""
    decision = evaluate(compiled(files), world.seen(frozenset(ran)), ITEM)
    recorded = canonical_json(decision)
    read = decision_from_json(json.loads(recorded))
    again = evaluate(compiled(files), read.inputs, read.item)
    assert canonical_json(again) == recorded
    assert again.id == decision.id
    assert canonical_json(read) == recorded


@LAWS
@given(files=packs(), world=WORLDS, ran=st.sets(st.sampled_from(sorted(EVERYTHING))), data=st.data())
def test_an_unrelated_signal_never_changes_a_decision(
    files: dict[str, str], world: World, ran: set[str], data: st.DataObject
) -> None:
    """Neither that it exists, nor what it says, nor that it failed; the decision is the same to the last byte."""
    other = declared("text.other", Text, labels={"thing": "dangerous.threat"})
    larger = Catalogue([*CATALOGUE, other])
    seen = world.seen(frozenset(ran))
    slot = Missing(role=Role.TITLE, gap=data.draw(st.sampled_from(Gap)), signal="text.other")
    said = Known(observations=(data.draw(observations(Role.TITLE)),), missing=data.draw(st.sampled_from([(), (slot,)])))
    more = replace(
        seen,
        known={**seen.known, "other.thing": said, "moderation.sexual": said},
        fingerprints={**seen.fingerprints, "other": "f9"},
    )
    assert evaluate(compiled(files, larger), more, ITEM) == evaluate(compiled(files), seen, ITEM)
    assert wanted(compiled(files, larger), more, larger) == wanted(compiled(files), seen, CATALOGUE)


@LAWS
@given(files=packs(), world=WORLDS)
def test_asking_only_for_what_is_wanted_decides_like_running_everything(files: dict[str, str], world: World) -> None:
    """Everything a decision says is the same; only its inputs have more gaps."""
    pack = compiled(files)
    partly = evaluate(pack, world.seen(cascade(pack, world)), ITEM)
    fully = evaluate(pack, world.seen(EVERYTHING), ITEM)
    assert concluded(partly) == concluded(fully)
    assert partly.rule != "on_deadline"


@LAWS
@given(files=packs(), world=WORLDS, order=st.permutations(sorted(EVERYTHING)))
def test_once_settled_a_decision_stays_whatever_else_runs(
    files: dict[str, str], world: World, order: list[str]
) -> None:
    """In whatever order the rest comes in."""
    pack = compiled(files)
    settled = None
    for count in range(len(order) + 1):
        seen = world.seen(frozenset(order[:count]))
        if settled is None and not wanted(pack, seen, CATALOGUE):
            settled = concluded(evaluate(pack, seen, ITEM))
        if settled is not None:
            assert concluded(evaluate(pack, seen, ITEM)) == settled


def filled(draw: st.DrawFn, inputs: Inputs) -> Inputs:
    """The inputs with every gap replaced by up to two parts with any result."""
    known = {}
    for name, had in inputs.known.items():
        parts = [
            draw(results(name, gap.role))
            for gap in had.missing
            for _ in range(draw(st.integers(min_value=0, max_value=2)))
        ]
        roles = [o.role for o in parts if isinstance(o, Observation)] or [gap.role for gap in had.missing]
        known[name] = Known(
            observations=(*had.observations, *(p for p in parts if isinstance(p, Observation))),
            facts=(*had.facts, *((roles[0], p) for p in parts if not isinstance(p, Observation))),
        )
    return replace(inputs, known=known)


@LAWS
@given(files=packs(), world=WORLDS, ran=st.sets(st.sampled_from(sorted(EVERYTHING))), data=st.data())
def test_what_is_missing_is_never_taken_for_any_value(
    files: dict[str, str], world: World, ran: set[str], data: st.DataObject
) -> None:
    """A decision that does not say something is missing is the decision for every value that could be there."""
    pack, seen = compiled(files), world.seen(frozenset(ran))
    decision = evaluate(pack, seen, ITEM)
    if decision.missing:
        return
    full = data.draw(st.composite(filled)(seen))
    assert concluded(evaluate(pack, full, ITEM)) == concluded(decision)


@LAWS
@given(files=packs(), world=WORLDS, data=st.data())
def test_a_failure_changes_nothing_or_means_at_least_what_the_pack_says(
    files: dict[str, str], world: World, data: st.DataObject
) -> None:
    """Replace one result by a failure: either no rule needed it, or the action is no milder than its `if_missing`."""
    answered = [n for n, slot in enumerate(world.slots) if slot.result is not None]
    assume(answered)
    chosen = data.draw(st.sampled_from(answered))
    broken = replace(
        world,
        slots=tuple(replace(slot, result=None) if n == chosen else slot for n, slot in enumerate(world.slots)),
    )
    pack = compiled(files)
    before, after = (evaluate(pack, w.seen(EVERYTHING), ITEM) for w in (world, broken))
    alias = world.slots[chosen].variable.partition(".")[0]
    if concluded(after) != concluded(before):
        assert after.action.severity >= pack.pack.if_missing[alias].severity
        assert world.slots[chosen].signal in after.missing


@LAWS
@given(files=packs(), world=WORLDS, ran=st.sets(st.sampled_from(sorted(EVERYTHING))))
def test_an_unsettled_pack_is_no_milder_than_its_deadline_says(
    files: dict[str, str], world: World, ran: set[str]
) -> None:
    """Fail closed is closed: while anything is wanted, the action is at least `on_deadline`."""
    pack, seen = compiled(files), world.seen(frozenset(ran))
    if wanted(pack, seen, CATALOGUE):
        assert evaluate(pack, seen, ITEM).action.severity >= pack.pack.on_deadline.severity


@LAWS
@given(files=packs(), world=WORLDS, ran=st.sets(st.sampled_from(sorted(EVERYTHING))))
def test_every_decision_can_be_written_down(files: dict[str, str], world: World, ran: set[str]) -> None:
    """As JSON, naming an action of the pack and a rule that exists."""
    pack = compiled(files)
    decision = evaluate(pack, world.seen(frozenset(ran)), ITEM)
    stored = json.loads(canonical_json(decision))
    assert stored == json.loads(json.dumps(plain(decision)))
    assert Action(stored["action"]) is decision.action
    assert decision.rule in {"otherwise", "if_missing", "on_deadline", *(rule.id for rule in pack.pack.rules)}
    assert bool(decision.missing) or decision.rule not in {"if_missing", "on_deadline"}
