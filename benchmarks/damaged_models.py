"""Load saved models after their folders were damaged: each must be one clear error, and never a wrong prediction.

Each case copies a saved model and damages the copy: flipped bits, truncated, emptied, missing or swapped files, files
of another model, foreign content, edited entries of the manifest. `automl.load` must then raise one
`InvalidInputError`. Only damage to the texts for people may be a warning.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from automl import AutoMLClassifier, load
from automl.errors import InvalidInputError
from automl.persistence.manifest import FOR_PEOPLE, read_manifest, write_manifest

KINDS = (
    "bit",
    "bits",
    "block",
    "truncate",
    "empty",
    "remove",
    "grow",
    "swap",
    "other",
    "foreign",
    "manifest",
    "folder",
)


def damage(folder: Path, other: Path, rng: random.Random) -> tuple[str, list[str]]:
    """Damage a saved model; return the kind of the damage and the names of the changed files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    kind, file = rng.choice(KINDS), rng.choice(files)
    content = bytearray(file.read_bytes())
    changed = [file]
    if kind in ("bit", "bits"):
        for _ in range(1 if kind == "bit" else rng.randrange(2, 40)):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
    elif kind == "block":
        at = rng.randrange(len(content))
        content[at : at + 64] = rng.randbytes(len(content[at : at + 64]))
        file.write_bytes(content)
    elif kind == "truncate":
        file.write_bytes(content[: rng.randrange(len(content))])
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "remove":
        file.unlink()
    elif kind == "grow":
        file.write_bytes(content + rng.randbytes(rng.randrange(1, 100)))
    elif kind == "swap":
        second = rng.choice([path for path in files if path.read_bytes() != bytes(content)])
        file.write_bytes(second.read_bytes())
        second.write_bytes(content)
        changed.append(second)
    elif kind == "other":
        theirs = sorted(path for path in other.rglob("*") if path.is_file())
        same = [path for path in theirs if path.name == file.name]
        file.write_bytes(rng.choice(same or theirs).read_bytes())
    elif kind == "foreign":
        file.write_bytes(rng.choice([b"\x80\x04N.", b"PK\x03\x04", b"{}", b"[" * 100_000, b"\0" * 4096]))
    elif kind == "manifest":
        _edit(folder, rng)
        changed = [folder / "manifest.json"]
    else:
        file.unlink()
        file.mkdir()
    return kind, [path.relative_to(folder).as_posix() for path in changed]


def _edit(folder: Path, rng: random.Random) -> None:
    """Edit one entry of the manifest that `load` reads, in the way of somebody who also writes its checksum anew."""

    manifest = read_manifest(folder)
    files = manifest["files"]
    name = rng.choice(sorted(name for name in files if name.endswith(".zip")))
    edits = (
        lambda: files.pop(name),
        lambda: files[name].update(bytes=10**15),
        lambda: files[name].update(bytes=-1),
        lambda: files[name].update(sha256="0" * 64),
        lambda: files.update({name: {}}),
        lambda: files.update({name: None}),
        lambda: manifest.update(files=[]),
        lambda: manifest.pop("versions"),
        lambda: manifest.update(format=rng.choice([1, 4, 10**6])),
        lambda: manifest.pop("libraries"),
    )
    rng.choice(edits)()
    write_manifest(folder, manifest)


def outcome(folder: Path, rows: np.ndarray, expected: np.ndarray, changed: list[str]) -> str:
    """Return what came of loading a damaged model: "error", or "same" where only texts for people were changed.

    Raises
    ------
    AssertionError
        If damage was not noticed, or a prediction is wrong.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = load(folder)
        except InvalidInputError as error:
            message = str(error)
        else:
            message = ""
        if message:
            assert str(folder) in message, message
            return "error"
        assert np.array_equal(model.predict_proba(rows), expected), "a wrong prediction"
    assert set(changed) <= set(FOR_PEOPLE), f"damage to {changed} was not noticed"
    assert not changed or any("changed after the model was saved" in str(warning.message) for warning in caught)
    return "same"


def _is_same(path: Path, original: Path) -> bool:
    return path.is_file() and path.read_bytes() == original.read_bytes()


def make_models(folder: Path) -> tuple[Path, Path, np.ndarray, np.ndarray]:
    """Save two models of boosters, trees, networks and others; return their folders, rows and predictions."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 5))
    y = (X[:, 0] + rng.normal(size=120) > 0).astype(int)
    families = ["lightgbm", "xgboost", "catboost", "extra_trees", "logistic_regression", "k_nearest_neighbors"]
    settings: dict[str, Any] = {
        "time_budget": None,
        "max_trials": 6,
        "cv": 2,
        "n_jobs": 1,
        "verbose": 0,
        "include": families,
    }
    first = AutoMLClassifier(**settings, random_state=0).fit(X, y)
    first.save(folder / "first")
    AutoMLClassifier(**settings, random_state=1).fit(X[:, ::-1], y).save(folder / "second")
    return folder / "first", folder / "second", X, first.predict_proba(X)


def run(n_cases: int, first: Path, second: Path, rows: np.ndarray, expected: np.ndarray, seed: int = 0) -> Counter[str]:
    """Damage a model in many ways; return how many cases ended in which way."""
    rng, counts = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(n_cases):
            copied = Path(scratch) / str(number)
            shutil.copytree(first, copied)
            kind, touched = damage(copied, second, rng)
            changed = [name for name in touched if not _is_same(copied / name, first / name)]
            counts[f"{kind}: {outcome(copied, rows, expected, changed)}"] += 1
            shutil.rmtree(copied)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description="Load damaged models.")
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        counts = run(arguments.cases, *make_models(Path(folder)), seed=arguments.seed)
    for name, n in sorted(counts.items()):
        print(f"{n:6d} {name}")
    seconds = time.perf_counter() - started
    print(f"{sum(counts.values())} cases in {seconds:.0f} s; no wrong prediction, no other error")


if __name__ == "__main__":
    main()
