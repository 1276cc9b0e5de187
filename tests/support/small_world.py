"""A whole Noisegate with two toy signals and two toy packs, for tests of what surrounds them.

`toy.words` finds harmless words (`alarm`, `doubtful`, `rude`) in any text; `toy.shape` looks at the shape of pictures.
Nothing is loaded and nothing is learned, so a test can say exactly what must happen.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from noisegate.adapters.runners.local import LocalRunner
from noisegate.core.content import ArrayImage
from noisegate.core.evidence import Evidence
from noisegate.core.ids import Digest, PartId, digest_of
from noisegate.core.item import Asset, Item
from noisegate.core.modality import Image, Modality, Origin, Part, Role, Text, Where
from noisegate.core.ports import ResultCache, Runner
from noisegate.core.signal import Cost, Example, Facts, FactType, Failure, Scores, Signal, SignalSpec
from noisegate.core.taxonomy import default_taxonomy
from noisegate.engine.catalogue import Catalogue
from noisegate.engine.compile import CompiledPack, compile_pack
from noisegate.engine.plan import plan
from noisegate.flows.assess import Assessor
from noisegate.settings import Settings
from noisegate.system import System

WORDS = {"alarm": ("threat", 0.97), "doubtful": ("threat", 0.6), "rude": ("rude", 0.9)}
"""Word -> (output, score)."""
HOLD = "NOISEGATE_TEST_HOLD"
"""Environment variable with a file: while it exists, texts with the word `patience` are not answered."""


@dataclass(frozen=True, kw_only=True)
class Words(Signal[Text, Scores]):
    """Finds words."""

    spec = SignalSpec(
        name="toy.words",
        version="1.0.0",
        summary="Finds three words.",
        labels={"threat": "dangerous.threat", "rude": "advisory.profanity"},
        batch_size=16,
        cost=Cost(cpu_s=0.0001, tier=0),
    )

    def run(self, model: Any, batch: Sequence[Text]) -> Sequence[Scores | Failure]:
        """Score every text; `broken` fails, `explosive` raises, `patience` waits."""
        del model
        return [self._look(part.text) for part in batch]

    def _look(self, text: str) -> Scores | Failure:
        if "explosive" in text:
            raise RuntimeError("this text is explosive")
        if "broken" in text:
            return Failure(kind="crashed", message="this text is broken")
        hold = os.environ.get(HOLD)
        while "patience" in text and hold and Path(hold).exists():
            time.sleep(0.02)
        values = {"threat": 0.01, "rude": 0.01}
        evidence: dict[str, tuple[Evidence, ...]] = {}
        for word, (output, score) in WORDS.items():
            start = text.find(word)
            if start >= 0:
                values[output] = max(values[output], score)
                place = Evidence(score=score, where=Where(span=(start, start + len(word))), excerpt=word)
                evidence[output] = (*evidence.get(output, ()), place)
        return Scores(values=values, evidence=evidence)

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """None: a toy."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Shape(Signal[Image, Facts]):
    """Looks at pictures without opening them."""

    spec = SignalSpec(
        name="toy.shape",
        version="1.0.0",
        summary="Says whether a picture is wide.",
        facts={"wide": FactType.BOOLEAN},
        cost=Cost(cpu_s=0.0001, tier=0),
    )

    def run(self, model: Any, batch: Sequence[Image]) -> Sequence[Facts | Failure]:
        """Compare width and height."""
        del model
        return [Facts(values={"wide": part.width > part.height}) for part in batch]

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """None: a toy."""
        return ()


_PACK = """
pack: {name}
version: 1
title: {name}
owner: tests@example.org
policy: For tests.
signals: {{words: toy.words@1}}
rules:
{rules}
otherwise: {{action: allow}}
if_missing: {{words: {if_missing}}}
on_deadline: {on_deadline}
notice: {{ground: terms, clause: "1", text: It is not allowed.}}
"""
_RULE = """
  - id: {id}
    when: {when}
    then: {then}
    reason: It is {id}.
    label: {label}
"""
_EXAMPLE = "- {{name: {id}, given: {{words.{output}: {score}}}, rule: {id}, action: {action}}}\n"

DANGER = {
    "pack.yaml": _PACK.format(
        name="danger",
        if_missing="review",
        on_deadline="review",
        rules=_RULE.format(id="clear", when="any(words.threat, 0.9)", then="{action: block}", label="dangerous.threat")
        + _RULE.format(
            id="possible",
            when="any(words.threat, 0.5)",
            then="{action: review, queue: danger}",
            label="dangerous.threat",
        ),
    ),
    "examples.yaml": _EXAMPLE.format(id="clear", output="threat", score=0.95, action="block")
    + _EXAMPLE.format(id="possible", output="threat", score=0.6, action="review"),
}
MANNERS = {
    "pack.yaml": _PACK.format(
        name="manners",
        if_missing="allow",
        on_deadline="allow",
        rules=_RULE.format(
            id="explicit",
            when="any(words.rude, 0.8)",
            then="{action: label, labels: [advisory.profanity]}",
            label="advisory.profanity",
        ),
    ),
    "examples.yaml": _EXAMPLE.format(id="explicit", output="rude", score=0.9, action="label"),
}


def catalogue() -> Catalogue:
    """The two toy signals."""
    return Catalogue([Words(), Shape()])


def packs(*sources: Mapping[str, str]) -> tuple[CompiledPack, ...]:
    """Compiled packs; both toy packs when none is given."""
    signals = catalogue()
    return tuple(compile_pack(files, signals, default_taxonomy()) for files in sources or (DANGER, MANNERS))


def write_packs(folder: Path) -> Path:
    """Both toy packs as folders, the way an installation has them."""
    for name, files in (("danger", DANGER), ("manners", MANNERS)):
        (folder / name).mkdir(parents=True)
        for file, text in files.items():
            (folder / name / file).write_text(text, "utf-8")
    return folder


class NoModels:
    """A load context for signals that load nothing."""

    threads = 1

    def weights(self, weights: object) -> Path:
        """There are none."""
        raise NotImplementedError

    def bank(self, name: str, digest: str) -> Sequence[Any]:
        """There are none."""
        raise NotImplementedError


class ByEnding:
    """A `core.ports.Prober` that believes file names; `*.bad` is a broken file."""

    def asset(self, path: str, *, name: str, role: Role | None) -> Asset:
        """See the port."""
        data = Path(path).read_bytes()
        ending = name.rpartition(".")[2]
        common = {"digest": digest_of(data), "name": name, "size": len(data), "role": role}
        if ending == "bad":
            return Asset(**common, problem="truncated", problem_message="it ends too soon")
        if ending == "png":
            return Asset(**common, modality=Modality.IMAGE, media_type="image/png", width=200, height=100)
        return Asset(**common, modality=Modality.TEXT, media_type="text/plain")


class ByHand:
    """A `core.ports.Library` for words and pictures that nobody opens."""

    def __init__(self, open_file: Callable[[Digest], AbstractContextManager[str]]) -> None:
        self._open_file = open_file

    @contextmanager
    def parts(self, item: Item) -> Iterator[Sequence[Part]]:
        """See the port."""
        found: list[Part] = [
            Text(id=PartId(role.value), role=role, digest=digest_of(text.encode()), text=text)
            for role, text in sorted(item.texts.items())
        ]
        for asset in item.assets:
            named = {"id": PartId(asset.name), "digest": asset.digest, "origin": Origin(asset=asset.digest)}
            if asset.modality is Modality.TEXT:
                with self._open_file(asset.digest) as path:
                    text = Path(path).read_text("utf-8")
                found.append(Text(**named, role=asset.role or Role.LYRICS, text=text))
            elif asset.modality is Modality.IMAGE:
                pixels = ArrayImage(np.zeros((1, 1, 3), np.uint8))
                role = asset.role or Role.PICTURE
                found.append(Image(**named, role=role, width=200, height=100, content=pixels))
        yield found


def assessor(
    open_file: Callable[[Digest], AbstractContextManager[str]], runner: Runner, cache: ResultCache
) -> Assessor:
    """Judges with the toy signals and packs."""
    return Assessor(plan=plan(catalogue()), packs=packs(), library=ByHand(open_file), runner=runner, cache=cache)


class SmallSystem(System):
    """A whole installation with the toy signals and packs: everything real but what opens media."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, catalogue=catalogue())

    @cached_property
    def prober(self) -> ByEnding:  # type: ignore[override]
        """Believes file names."""
        return ByEnding()

    @cached_property
    def verdict_media(self) -> Any:
        """The same for verdicts."""
        return self.prober, lambda paths: ByHand(lambda digest: nullcontext(paths[digest]))

    def assessor(self, open_file: Any, *, cache: ResultCache, packs: Any = None, everything: bool = False) -> Assessor:
        """Opens files by hand."""
        return Assessor(
            plan=self.plan,
            packs=packs or self.packs,
            library=ByHand(open_file),
            runner=self.runner,
            cache=cache,
            everything=everything,
        )

    @cached_property
    def media(self) -> Any:
        """Nothing is decoded."""
        return None

    @cached_property
    def runner(self) -> LocalRunner:
        """Loads no weights."""
        return self._open.enter_context(LocalRunner(NoModels(), cores=1))


def small_settings(folder: Path, database_url: str, **more: Any) -> Settings:
    """An installation in `folder`, with both toy packs."""
    if not (folder / "packs").exists():
        write_packs(folder / "packs")
    return Settings(
        data_dir=folder / "data",
        packs_dir=folder / "packs",
        database_url=database_url,
        jobs=4,
        threads=1,
        webhooks_may_reach_private_addresses=True,
        **more,
    )
