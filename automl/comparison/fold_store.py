"""Scores of outer folds on disk, one line each, so that a nested cross-validation can go on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from automl.comparison.plan import Plan
from automl.errors import InvalidInputError
from automl.trials.fingerprint import digest, stable_repr, table_fingerprint

_NO_MATTER = ("n_jobs", "verbose")  # what they say does not change what is learned


@dataclass(frozen=True)
class FoldScores:
    """What one estimator did on one outer fold.

    Attributes
    ----------
    scores : dict of float
        By metric, greater is better; None where there is none.
    reasons : dict of str
        By metric, why there is no score.
    """

    estimator: str
    fold: int
    scores: Mapping[str, float | None]
    reasons: Mapping[str, str]
    fit_seconds: float
    score_seconds: float

    @property
    def failed(self) -> bool:
        """Whether a score is missing."""
        return bool(self.reasons)


class FoldStore:
    """A folder with ``about.json``, which says what was split and how, and ``folds.jsonl``, which only grows.

    Parameters
    ----------
    folder : Path
        Created by `open`.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._lines = folder / "folds.jsonl"

    def seed(self) -> int | None:
        """Seed of the run that the folder holds; None for a new one."""
        about = self._about()
        return None if about is None else int(about["seed"])

    def open(self, plan: Plan) -> dict[tuple[str, int], FoldScores]:
        """Results by (estimator, fold) that need not be computed again; what failed is left out.

        Raises
        ------
        InvalidInputError
            If the folder holds something else, or a run whose table, folds, metrics, seed or estimators differ.
        """
        self._fingerprints = {name: estimator_fingerprint(estimator) for name, estimator in plan.estimators.items()}
        now = {
            "seed": plan.seed,
            "table": table_fingerprint(plan.X, plan.y, plan.groups, plan.sample_weight),
            "outer folds": digest(*(rows for fold in plan.folds for rows in fold)),
            "metrics": sorted(plan.scorers),
        }
        before = self._about()
        if before is None:
            self._create(now)
            return {}
        changed = [name for name in now if before.get(name) != now[name]]
        if changed:
            raise self._refusal(f"other {changed[0]}" if changed[0] != "seed" else "another random_state")
        return self._read()

    def append(self, result: FoldScores) -> None:
        """Add one line; it has reached the disk when this returns."""
        line = asdict(result) | {"mark": self._fingerprints[result.estimator]}
        with self._lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _create(self, about: Mapping[str, Any]) -> None:
        if self.folder.is_file() or (self.folder.is_dir() and any(self.folder.iterdir())):
            raise InvalidInputError(f"store '{self.folder}' holds something else; name a new folder")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lines.touch()
            # Last and at once: a folder with this file is a complete one.
            partial = self.folder / "about.json.partial"
            with partial.open("w", encoding="utf-8") as file:
                json.dump(about, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.folder / "about.json")
        except OSError as error:
            raise InvalidInputError(f"store '{self.folder}' cannot be written: {error}; name another folder") from error

    def _about(self) -> dict[str, Any] | None:
        path = self.folder / "about.json"
        if not path.is_file():
            return None
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"store '{self.folder}' cannot be read: {error}; name a new folder") from error
        if not isinstance(about, dict) or "outer folds" not in about:
            raise InvalidInputError(f"store '{self.folder}' holds something else; name a new folder")
        return about

    def _read(self) -> dict[tuple[str, int], FoldScores]:
        text = self._lines.read_text(encoding="utf-8")
        if text and not text.endswith("\n"):
            with self._lines.open("a", encoding="utf-8") as file:
                file.write("\n")  # a killed run left half a line; the next one must not be glued to it
        results = {}
        for piece in text.splitlines():
            try:
                line = json.loads(piece)
            except json.JSONDecodeError:  # the half line
                continue
            fingerprint = line.pop("mark")
            result = FoldScores(**line)
            if self._fingerprints.get(result.estimator, fingerprint) != fingerprint:
                raise self._refusal(f"other settings of estimator {result.estimator!r}")
            if not result.failed:
                results[result.estimator, result.fold] = result
        return results

    def _refusal(self, what: str) -> InvalidInputError:
        return InvalidInputError(
            f"store '{self.folder}' holds a run with {what}; repeat that call, or name a new folder"
        )


def estimator_fingerprint(estimator: Any) -> str:
    """Sixteen hexadecimal digits that name an estimator's class and settings, the same in every process."""
    parameters = {
        name: stable_repr(value)
        for name, value in sorted(estimator.get_params(deep=True).items())
        if name.rpartition("__")[2] not in _NO_MATTER
    }
    return digest([stable_repr(estimator), json.dumps(parameters)])
