"""From the files of a policy pack to something that can decide, or to every error in them, drawn like a compiler's.

A pack is a folder: `pack.yaml` and `examples.yaml`, and if wanted `suite.yaml` (for evaluation) and `guideline.md` (for
reviewers). Compiling is pure: the caller reads the files, and the digest covers exactly what was read. Everything a
pack can name is checked here, so that evaluating it cannot fail on a name.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from noisegate.core.decision import RESERVED_RULES
from noisegate.core.ids import Digest, digest_of_value
from noisegate.core.item import ItemKind
from noisegate.core.policy import Action, Ground, Notice, Otherwise, PolicyPack, Rule, Scope, Then
from noisegate.core.signal import Kind, SignalSpec
from noisegate.core.taxonomy import Taxonomy
from noisegate.engine.aggregates import Holds, Variable
from noisegate.engine.catalogue import AnySignal, Catalogue
from noisegate.engine.cel_errors import Names
from noisegate.engine.condition_checks import CONTEXT, is_market
from noisegate.engine.conditions import Condition, compile_condition
from noisegate.engine.diagnostics import Place, Problems, did_you_mean, listed
from noisegate.engine.documents import Mapped, Reader, Sequence, Value, parse
from noisegate.engine.examples import FILE as EXAMPLES
from noisegate.engine.examples import ExampleReader

PACK = "pack.yaml"
SUITE = "suite.yaml"
GUIDELINE = "guideline.md"
FILES = (PACK, EXAMPLES, SUITE, GUIDELINE)
"""What the folder of a pack can hold; the first two are needed."""

APPEAL_DAYS = 184
"""Six months, the least the DSA allows (Art. 20(1))."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_ALIAS = re.compile(r"[a-z][a-z0-9_]*")
_REFERENCE = re.compile(r"([\w.-]+)@(\d{1,9})")
_TAKEN = frozenset(
    {"item", "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"}
    | {"import", "let", "loop", "package", "namespace", "return", "var", "void", "while"}
)
"""Words that CEL or the item's context claim."""

_REQUIRED = (
    "pack",
    "version",
    "title",
    "owner",
    "policy",
    "signals",
    "rules",
    "otherwise",
    "if_missing",
    "on_deadline",
    "notice",
)


@dataclass(frozen=True, kw_only=True)
class CompiledPack:
    """A policy pack that can decide."""

    pack: PolicyPack
    conditions: tuple[Condition, ...] = field(repr=False)
    """One for each rule, in order."""
    variables: Mapping[str, Variable] = field(repr=False)
    """Every output that a condition uses, by its name in conditions; nothing else can change a decision."""
    signals: Mapping[str, str]
    """Alias -> name of the signal."""

    @property
    def name(self) -> str:
        """Of the pack."""
        return self.pack.name


def compile_pack(
    files: Mapping[str, str], catalogue: Catalogue, taxonomy: Taxonomy, *, folder: str = ""
) -> CompiledPack:
    """Read and check a pack.

    Args:
        files: File name -> text, all files of the folder.
        catalogue: The signals that exist.
        taxonomy: The labels that exist.
        folder: Where the files are, to be shown in errors.

    Raises:
        PolicyError: something is wrong; the message shows every error with its file, line and a caret.
    """
    problems = Problems({name: files[name] for name in sorted(files, key=_in_order)}, folder=folder)
    for name in sorted(set(files) - set(FILES)):
        problems.add(Place(name), f"unknown file `{name}`", f"a pack holds {listed(FILES)}{did_you_mean(name, FILES)}")
    pack, examples, _ = (_document(name, files, problems) for name in (PACK, EXAMPLES, SUITE))
    if pack is None:
        raise problems.error()
    compiled = _Compiler(catalogue, taxonomy, problems).compile(pack, examples, files)
    if problems:
        raise problems.error()
    return compiled


def _in_order(name: str) -> tuple[int, str]:
    return (FILES.index(name) if name in FILES else len(FILES), name)


def digest_of_files(files: Mapping[str, str]) -> Digest:
    """Names a pack by the names and texts of all its files."""
    return digest_of_value(dict(files))


def _document(name: str, files: Mapping[str, str], problems: Problems) -> Value | None:
    if name in files:
        return parse(name, files[name], problems)
    if name != SUITE:
        problems.add(Place(name), f"the pack has no `{name}`")
    return None


class _Compiler:
    """Reads one pack; what is wrong goes to the problems, and reading goes on with something harmless."""

    def __init__(self, catalogue: Catalogue, taxonomy: Taxonomy, problems: Problems) -> None:
        self._catalogue, self._taxonomy, self._problems = catalogue, taxonomy, problems
        self._reader = Reader(problems)

    def compile(self, document: Value, examples: Value | None, files: Mapping[str, str]) -> CompiledPack:
        """The pack, as far as it can be read."""
        read = self._reader
        fields = read.mapping(document, "a pack", required=_REQUIRED, optional=("scope",))
        references = dict(self._signals(fields.get("signals")))
        names = self._names(fields.get("signals"), {alias: name for alias, (name, _) in references.items()})
        rules, conditions, places = self._rules(fields.get("rules"), names)
        before = len(self._problems)
        scope = self._scope(fields.get("scope"))
        asked = scope if len(self._problems) == before else Scope()
        reader = ExampleReader(read, names, rules=places, scope=asked)
        cases = reader.read(examples) if examples is not None else ()
        if_missing = self._if_missing(fields, conditions, names)
        pack = PolicyPack(
            name=self._name(fields.get("pack"), "`pack`"),
            version=read.whole(fields.get("version"), "`version`", at_least=1),
            digest=digest_of_files(files),
            title=read.text(fields.get("title"), "`title`"),
            owner=read.text(fields.get("owner"), "`owner`"),
            text=read.text(fields.get("policy"), "`policy`"),
            scope=scope,
            signals={alias: f"{name}@{major}" for alias, (name, major) in references.items()},
            rules=rules,
            otherwise=self._otherwise(fields.get("otherwise")),
            if_missing=if_missing,
            on_deadline=read.choice(fields.get("on_deadline"), "`on_deadline`", Action),
            notice=self._notice(fields.get("notice")),
            examples=cases,
            sources=dict(files),
        )
        used = {use.variable for condition in conditions for use in condition.uses}
        return CompiledPack(
            pack=pack,
            conditions=conditions,
            variables={name: variable for name, variable in names.variables.items() if name in used},
            signals=names.signals,
        )

    # signals

    def _signals(self, value: Value | None) -> Iterator[tuple[str, tuple[str, int]]]:
        """Alias -> (name, major) of every signal that can be used."""
        for alias, inner in self._reader.entries(value, "`signals`").items():
            place = value.keys[alias] if isinstance(value, Mapped) else inner.place
            if not _ALIAS.fullmatch(alias) or alias in _TAKEN:
                note = "a word of small letters, digits and `_`" if alias not in _TAKEN else "choose another word"
                self._problems.add(place, f"a signal cannot be called `{alias}` in conditions", note)
                continue
            reference = self._reader.text(inner, f"the signal `{alias}`")
            if reference and (found := self._reference(reference, inner.place)):
                yield alias, found

    def _reference(self, reference: str, place: Place) -> tuple[str, int] | None:
        match = _REFERENCE.fullmatch(reference)
        name = match[1] if match else reference.partition("@")[0]
        if name not in self._catalogue:
            note = f"`noisegate signal list` shows them all{did_you_mean(name, self._catalogue.names)}"
            self._problems.add(place, f"no signal is called `{name}`", note)
            return None
        spec = self._catalogue.spec(name)
        pinned = f"write `{name}@{spec.major}`"
        if match is None:
            self._problems.add(place, f"`{reference}` does not say which version it means", pinned)
        elif spec.kind is Kind.EXTRACTOR:
            note = "name the signals that look at those parts"
            self._problems.add(place, f"`{name}` makes parts; it gives no scores and no facts", note)
        elif int(match[2]) != spec.major:
            note = f"a new number before the first dot changes what the outputs mean: read up on it, then {pinned}"
            self._problems.add(place, f"`{name}` is at version {spec.version}, not {match[2]}", note)
        return name, spec.major

    def _names(self, value: Value | None, signals: Mapping[str, str]) -> Names:
        variables = [v for alias, name in signals.items() for v in _variables(alias, self._catalogue[name])]
        listed_aliases = value.entries.keys() if isinstance(value, Mapped) else frozenset[str]()
        return Names(
            variables={v.name: v for v in variables},
            signals=signals,
            context=tuple(CONTEXT),
            unresolved=frozenset(listed_aliases - signals.keys()),
        )

    # rules

    def _rules(
        self, value: Value | None, names: Names
    ) -> tuple[tuple[Rule, ...], tuple[Condition, ...], Mapping[str, Place]]:
        """The rules, their conditions, and where each id is written."""
        rules: list[Rule] = []
        conditions: list[Condition] = []
        places: dict[str, Place] = {}
        if isinstance(value, Sequence) and not value.items:
            self._problems.add(value.place, "there are no rules", "a pack needs at least one")
        for item in self._reader.items(value, "`rules`"):
            rule, condition, place = self._rule(item, names)
            if rule.id in places:
                note = f"it is already on line {places[rule.id].line + 1}"
                self._problems.add(place, f"two rules are called `{rule.id}`", note)
            elif rule.id:
                places[rule.id] = place
            rules.append(rule)
            conditions += [condition] if condition else []
        return tuple(rules), tuple(conditions), places

    def _rule(self, value: Value, names: Names) -> tuple[Rule, Condition | None, Place]:
        read = self._reader
        fields = read.mapping(value, "a rule", required=("id", "when", "then", "reason", "label"))
        name = self._name(fields.get("id"), "`id`")
        place = fields["id"].place if "id" in fields else value.place
        rule = Rule(
            id=name,
            when=read.text(fields.get("when"), "`when`"),
            then=self._then(fields.get("then")),
            reason=read.text(fields.get("reason"), "`reason`"),
            label=self._label(fields.get("label")),
        )
        return rule, self._condition(fields.get("when"), names), place

    def _condition(self, value: Value | None, names: Names) -> Condition | None:
        scalar = self._reader.scalar(value, "`when`")
        if scalar is None:
            return None
        compiled = compile_condition(scalar.text, names)
        if isinstance(compiled, Condition):
            return compiled
        for fault in compiled:
            self._problems.add(scalar.at(fault.at), fault.message, fault.note)
        return None

    def _then(self, value: Value | None) -> Then:
        read = self._reader
        fields = read.mapping(value, "`then`", required=("action",), optional=("labels", "surfaces", "queue"))
        action = read.choice(fields.get("action"), "`action`", Action)
        if "labels" in fields and action in {Action.ALLOW, Action.REVIEW, Action.BLOCK}:
            self._misplaced("labels", fields, "`label`, `age_gate` and `limit`")
        if "surfaces" in fields and action is not Action.LIMIT:
            self._misplaced("surfaces", fields, "`limit`")
        if "queue" in fields and action is not Action.REVIEW:
            self._misplaced("queue", fields, "`review`")
        if action is Action.LABEL and "labels" not in fields and value is not None:
            self._problems.add(value.place, "the action `label` needs `labels`", "write `labels: [advisory.mature]`")
        return Then(
            action=action,
            labels=tuple(self._known_label(*item) for item in read.texts(fields.get("labels"), "`labels`")),
            surfaces=tuple(text for text, _ in read.texts(fields.get("surfaces"), "`surfaces`")),
            queue=read.text(fields["queue"], "`queue`") if "queue" in fields else Then.queue,
        )

    def _misplaced(self, key: str, fields: Mapping[str, Value], actions: str) -> None:
        self._problems.add(fields[key].place, f"`{key}` does not go with this action", f"it goes with {actions}")

    def _label(self, value: Value | None) -> str:
        code = self._reader.text(value, "`label`")
        return self._known_label(code, value.place) if code and value else ""

    def _known_label(self, code: str, place: Place) -> str:
        if code not in self._taxonomy:
            near = did_you_mean(code, self._taxonomy.labels).removeprefix("; ")
            note = near or f"the taxonomy `{self._taxonomy.name}` does not have it"
            self._problems.add(place, f"unknown label `{code}`", note)
        return code

    # the rest

    def _if_missing(
        self, fields: Mapping[str, Value], conditions: tuple[Condition, ...], names: Names
    ) -> Mapping[str, Action]:
        value = fields.get("if_missing")
        entries = self._reader.mapping(value, "`if_missing`", optional=(*names.signals, *sorted(names.unresolved)))
        used = {use.variable.partition(".")[0] for condition in conditions for use in condition.uses}
        for alias in names.signals:
            if isinstance(value, Mapped) and alias in used and alias not in entries:
                note = f"say what follows when it has no answer: `{alias}: review`"
                self._problems.add(value.place, f"`if_missing` does not say what to do without `{alias}`", note)
        signals = fields.get("signals")
        rules = self._reader.items(fields.get("rules"), "`rules`")
        if isinstance(signals, Mapped) and len(conditions) == len(rules):
            for alias in set(names.signals) - used:
                self._problems.add(
                    signals.keys[alias], f"no rule uses the signal `{alias}`", "remove it from `signals`"
                )
        return {
            alias: self._reader.choice(inner, f"`{alias}` in `if_missing`", Action) for alias, inner in entries.items()
        }

    def _scope(self, value: Value | None) -> Scope:
        fields = self._reader.mapping(value, "`scope`", optional=("kinds", "markets", "surfaces"))
        for key, inner in fields.items():
            if isinstance(inner, Sequence) and not inner.items:
                self._problems.add(inner.place, f"`{key}` is empty", "leave it out to mean all")
        kinds = [self._reader.choice(k, "a kind", ItemKind) for k in self._reader.items(fields.get("kinds"), "`kinds`")]
        markets = list(self._reader.texts(fields.get("markets"), "`markets`"))
        for code, place in markets:
            if not is_market(code):
                note = "two capital letters of ISO 3166-1, or `*`"
                self._problems.add(place, f"this is not a market: `{code}`", note)
        surfaces = [text for text, _ in self._reader.texts(fields.get("surfaces"), "`surfaces`")]
        return Scope(
            kinds=frozenset(kinds) if "kinds" in fields else None,
            markets=frozenset(code for code, _ in markets) if "markets" in fields else None,
            surfaces=frozenset(surfaces) if "surfaces" in fields else None,
        )

    def _otherwise(self, value: Value | None) -> Otherwise:
        fields = self._reader.mapping(value, "`otherwise`", required=("action",), optional=("sample",))
        return Otherwise(
            action=self._reader.choice(fields.get("action"), "`action`", Action),
            sample=self._reader.share(fields.get("sample"), "`sample`") if "sample" in fields else 0.0,
        )

    def _notice(self, value: Value | None) -> Notice:
        read = self._reader
        fields = read.mapping(
            value, "`notice`", required=("ground", "clause", "text"), optional=("appeal_within_days",)
        )
        days = APPEAL_DAYS
        if "appeal_within_days" in fields:
            note = f"at least {APPEAL_DAYS}: six months (DSA Art. 20(1))"
            days = read.whole(fields["appeal_within_days"], "`appeal_within_days`", at_least=APPEAL_DAYS, note=note)
        return Notice(
            ground=read.choice(fields.get("ground"), "`ground`", Ground),
            clause=read.text(fields.get("clause"), "`clause`"),
            text=read.text(fields.get("text"), "`text`"),
            appeal_within_days=days,
        )

    def _name(self, value: Value | None, what: str) -> str:
        scalar = self._reader.scalar(value, what)
        if scalar is None:
            return ""
        if scalar.text in RESERVED_RULES:
            note = f"{listed(sorted(RESERVED_RULES))} stand for decisions without a rule"
        elif not _NAME.fullmatch(scalar.text):
            note = "small letters and digits, words joined with `-`"
        else:
            return scalar.text
        self._problems.add(scalar.place, f"{what} cannot be `{scalar.text}`", note)
        return ""


def _variables(alias: str, signal: AnySignal) -> Iterator[Variable]:
    """What conditions can name of a signal."""
    spec: SignalSpec = signal.spec
    modality = getattr(signal.accepts, "modality", None)
    holds = {**dict.fromkeys(spec.labels, Holds.SCORES), **{name: Holds.of(kind) for name, kind in spec.facts.items()}}
    for output, kind in holds.items():
        if _ALIAS.fullmatch(output):
            yield Variable(
                alias=alias, output=output, signal=spec.name, holds=kind, modality=modality, roles=spec.roles
            )
