"""What is wrong with what a signal says of itself. Loads no model."""

import pickle
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from noisegate.core.modality import Text
from noisegate.core.signal import Example, Kind, Signal
from noisegate.core.taxonomy import default_taxonomy

_NAME = re.compile(r"[a-z][a-z0-9]*\.[a-z][a-z0-9_]*")
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_OUTPUT = re.compile(r"[a-z][a-z0-9_]*")


def declaration_problems(signal: Signal[Any, Any]) -> Iterator[str]:
    """Everything wrong with `signal` that can be seen without running it, one sentence each."""
    yield from _spec(signal)
    yield from _outputs(signal)
    not_data = list(_data(signal))
    yield from not_data or _fingerprint(signal)
    if not signal.spec.gap:
        yield from _examples(signal)


def _spec(signal: Signal[Any, Any]) -> Iterator[str]:
    spec = signal.spec
    if not _NAME.fullmatch(spec.name):
        yield f"the name {spec.name!r} must read `family.name`, in lower-case letters, digits and underscores"
    if not _VERSION.fullmatch(spec.version):
        yield f"the version {spec.version!r} must read `major.minor.patch`, for example `1.0.0`"
    if not spec.summary.endswith("."):
        yield f"the summary {spec.summary!r} must be a sentence with a full stop: the catalogue shows it"
    if not spec.limits:
        yield "`limits` is empty: say what the signal cannot do, for the person who relies on it"
    if not spec.licence or (signal.weights is not None and "/" not in spec.licence):
        yield f"the licence {spec.licence!r} must name the licence of the code and, after a slash, of the weights"
    if spec.batch_size < 1:
        yield f"`batch_size` is {spec.batch_size}; at least 1 is allowed"
    if spec.cost.cpu_s < 0 or spec.cost.tier not in {0, 1, 2}:
        yield f"{spec.cost} must have seconds from 0 and a tier of 0, 1 or 2"
    if spec.kind is Kind.DETECTOR and signal.accepts is Text and not spec.languages:
        yield "`languages` is empty: a detector over text says which languages it was trained or tested on"


def _outputs(signal: Signal[Any, Any]) -> Iterator[str]:
    spec = signal.spec
    if sum(map(bool, (spec.labels, spec.facts, spec.makes))) != 1:
        yield "exactly one of `labels`, `facts` and `makes` must be filled: they make it detector, enricher or extractor"
    for name in sorted(spec.outputs):
        if not _OUTPUT.fullmatch(name):
            yield f"the output {name!r} must be lower-case letters, digits and underscores: policies write it"
    taxonomy = default_taxonomy()
    for output, code in sorted(spec.labels.items()):
        if code not in taxonomy:
            yield f"the output `{output}` has the label `{code}`, which is not in the taxonomy `{taxonomy.name}`"


def _data(signal: Signal[Any, Any]) -> Iterator[str]:
    """A signal travels: to other processes, into keys and records."""
    kind = type(signal)
    if not is_dataclass(kind) or not kind.__dataclass_params__.frozen:
        yield f"`{kind.__name__}` must be decorated with `@dataclass(frozen=True, kw_only=True)`"
        return
    try:
        hash(signal)
    except TypeError as error:
        yield f"it cannot be hashed ({error}): give its fields types that do not change, such as tuples"
    try:
        copy = pickle.loads(pickle.dumps(signal))  # noqa: S301 - our own bytes, of a moment ago
    except Exception as error:  # noqa: BLE001 - whatever pickling raises is the finding
        yield f"it cannot be pickled ({error}): define the class at the top of its module, keep models out of its fields"
    else:
        if copy != signal or copy.fingerprint != signal.fingerprint:
            yield "a pickled copy is not equal to the original, or has another fingerprint"


def _fingerprint(signal: Signal[Any, Any]) -> Iterator[str]:
    if signal.fingerprint != replace(signal).fingerprint:  # type: ignore[type-var]  # checked to be a dataclass
        yield "two equal instances have different fingerprints: a field is filled by chance or by the clock"
    if signal.spec.gap:
        return
    for field in fields(signal):  # type: ignore[arg-type]  # checked to be a dataclass
        other = _other(getattr(signal, field.name))
        if other is not None and replace(signal, **{field.name: other}).fingerprint == signal.fingerprint:  # type: ignore[type-var]
            yield f"the fingerprint stays the same when `{field.name}` changes: every field must be in `config`"


def _other(value: Any) -> Any:
    """A value of the same type that is not `value`; None when there is no telling."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    return None


def _examples(signal: Signal[Any, Any]) -> Iterator[str]:
    examples = tuple(signal.examples())
    if not examples:
        yield "`examples()` is empty: show one input that must score and one that must not, or one with its result"
    for n, example in enumerate(examples, start=1):
        yield from (f"example {n}: {problem}" for problem in _example(signal, example))
    if signal.spec.kind is not Kind.DETECTOR:
        return
    if not any(example.at_most for example in examples):
        yield "no example has `at_most`: show an input that must not score"
    if not signal.no_positive_example and not any(example.at_least for example in examples):
        yield "no example has `at_least`: show an input that must score, or say in `no_positive_example` why none can"


def _example(signal: Signal[Any, Any], example: Example) -> Iterator[str]:
    part = example.input()
    if not signal.wants(part):
        yield f"the signal does not look at {type(part).__name__.lower()} parts with the role `{part.role.value}`"
    declared = {"at_least": signal.spec.labels, "at_most": signal.spec.labels, "facts": signal.spec.facts}
    for name, known in declared.items():
        for output in sorted(set(getattr(example, name)) - set(known)):
            yield f"`{name}` names `{output}`, which is not declared"
    for role in sorted(set(example.makes) - set(signal.spec.makes)):
        yield f"`makes` names the role `{role.value}`, which is not declared"
    if not (example.at_least or example.at_most or example.facts or example.makes or example.contains):
        yield "it expects nothing"
