"""The fold store: results of outer folds on disk, so that a nested cross-validation can go on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from numbers import Real
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from filelock import Timeout
from numpy.typing import NDArray

from automl.comparison.plan import Plan
from automl.errors import InvalidInputError
from automl.trials.fingerprint import (
    PYTHON,
    digest,
    estimator_fingerprint,
    python_hint,
    scorer_fingerprint,
    stable_repr,
    table_fingerprint,
)
from meta_db.files import lock_file, replace_file, write_text

Array = NDArray[Any]

FORMAT = 3  # the first format had no number
_READABLE = (2, 3)  # format 2 has no predictions, configurations and estimates
_PREDICTIONS = "predictions"  # folder with one file for each estimator and outer fold
_CHANGES = {
    "seed": "another seed (random_state)",
    "table": "another table",
    "outer folds": "other outer folds",
    "metrics": "other metrics",
    "time": "another order of time inside the searches",
}


@dataclass(frozen=True)
class FoldPredictions:
    """The predictions of one estimator for the scored rows of one outer fold.

    Attributes
    ----------
    prediction : ndarray of shape (n_test,)
        Places of the labels in the sorted labels of the target, -1 for another label; values for regression.
    probabilities : ndarray of shape (n_test, n_classes) or None
        None for regression, and for classifiers without `predict_proba`.
    """

    prediction: Array
    probabilities: Array | None


@dataclass(frozen=True)
class FoldScores:
    """The scores of one estimator on one outer fold, and what its search has chosen and expected there.

    Attributes
    ----------
    estimator : str
        Name of the estimator.
    fold : int
        Number of the outer fold, from 0.
    scores : dict of float
        The score of each metric, greater is better; None where the metric has no score.
    reasons : dict of str
        The reason for each score that is missing.
    fit_seconds, score_seconds : float
        Seconds for the fit and for the scores.
    configuration : dict or None
        The best hyperparameters (`best_params_`), if the estimator is a search.
    estimate : dict or None
        The `estimate_` of the estimator, if it has one: ``metric`` (its name), ``expected``, ``low``, ``high``,
        ``level``, and ``outer_score``, the score by this metric on the scored rows of the outer fold.
    predictions : FoldPredictions or None
        None where the estimator has made none, or where the fold store has lost them.
    """

    estimator: str
    fold: int
    scores: Mapping[str, float | None]
    reasons: Mapping[str, str]
    fit_seconds: float
    score_seconds: float
    configuration: Mapping[str, Any] | None = None
    estimate: Mapping[str, Any] | None = None
    predictions: FoldPredictions | None = field(default=None, compare=False)

    @property
    def failed(self) -> bool:
        """Whether a score is missing."""
        return bool(self.reasons)


class FoldStore:
    """A folder with the results of one nested cross-validation.

    The file ``about.json`` describes the table, the outer folds, the metrics and the seed. The file ``folds.jsonl`` has
    one line for each estimator and outer fold, and only grows. The folder ``predictions`` has one file of NumPy's
    format npz for each of them, without pickle, which is written before the line. While a call uses the folder, it
    holds a lock on the file ``.lock``; the operating system frees the lock when the process ends.

    Parameters
    ----------
    folder : Path
        The method `open` makes the folder if it is missing.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._about_path = folder / "about.json"
        self._lines_path = folder / "folds.jsonl"
        self._lock_path = folder / ".lock"
        self._fingerprints: dict[str, str] = {}
        self._python: str | None = PYTHON  # the version that began the folder; None if the folder does not say

    def seed(self) -> int | None:
        """Return the seed of the cross-validation in the folder; None if there is none yet."""
        about = self._read_about()
        return None if about is None else int(about["seed"])

    @contextmanager
    def open(self, plan: Plan) -> Iterator[dict[tuple[str, int], FoldScores]]:
        """Lock the folder, and yield the results by (estimator, fold) that need not be computed again.

        Folds that failed are not among the results.

        Raises
        ------
        InvalidInputError
            If another call uses the folder, if the folder holds other files, or if the table, the outer folds, the
            metrics, the seed or the estimators of its cross-validation differ from those of the plan.
        """
        self._fingerprints = {name: estimator_fingerprint(estimator) for name, estimator in plan.estimators.items()}
        if self._read_about() is None:
            self._make_folder()
        with self._locked():
            self._check_plan(plan)
            known = self._read_results(plan.scorers)
            yield {
                (name, fold): replace(result, predictions=self._read_predictions(result, plan))
                for (name, fold), result in known.items()
            }

    def append(self, result: FoldScores) -> None:
        """Add the predictions and one line; they have reached the disk when this method returns."""
        line = {each.name: getattr(result, each.name) for each in fields(result) if each.name != "predictions"}
        line["fingerprint"] = self._fingerprints[result.estimator]
        try:
            self._write_predictions(result)
            with self._lines_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, allow_nan=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InvalidInputError(
                f"store '{self.folder}' cannot be written: {error}; it keeps the folds before this one: "
                "make space on the disk and repeat the call"
            ) from error

    def _predictions_path(self, result: FoldScores) -> Path:
        return self.folder / _PREDICTIONS / f"{digest(result.estimator)}-{result.fold}.npz"

    def _write_predictions(self, result: FoldScores) -> None:
        if result.predictions is None:
            return
        arrays = {name: value for name, value in vars(result.predictions).items() if value is not None}
        path = self._predictions_path(result)
        path.parent.mkdir(exist_ok=True)
        with replace_file(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **arrays)

    def _read_predictions(self, result: FoldScores, plan: Plan) -> FoldPredictions | None:
        """Return the predictions of a result; None where the file is missing or damaged, or has other rows."""
        try:
            with np.load(self._predictions_path(result), allow_pickle=False) as arrays:
                found = FoldPredictions(arrays["prediction"], arrays.get("probabilities"))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        n_rows = len(plan.folds[result.fold][1]) if result.fold < len(plan.folds) else -1
        return found if found.prediction.shape == (n_rows,) else None

    def _make_folder(self) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise InvalidInputError(f"store '{self.folder}' is a file; name a new folder")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            others = sorted(path.name for path in self.folder.iterdir() if not self._is_ours(path))
            lost = self._lines_path.is_file() and self._lines_path.stat().st_size > 0
        except OSError as error:
            raise self._unwritable(error) from error
        if others:
            raise InvalidInputError(
                f"store '{self.folder}' holds other files, such as '{others[0]}'; name a new folder"
            )
        if lost and not self._about_path.exists():
            raise InvalidInputError(f"store '{self.folder}' has lost its file about.json; name a new folder")

    def _is_ours(self, path: Path) -> bool:
        """Whether a call wrote this file, which may have been killed before the folder was complete."""
        known = path in (self._about_path, self._lines_path, self._lock_path, self.folder / _PREDICTIONS)
        return known or (path.name.startswith(".about.json.") and path.name.endswith(".partial"))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = lock_file(self._lock_path)
        except Timeout as error:
            raise InvalidInputError(
                f"store '{self.folder}' is in use by another call; wait until it has ended, or name a new folder"
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            lock.release()

    def _check_plan(self, plan: Plan) -> None:
        """Describe the plan in ``about.json``, or compare it with the description that is there."""
        order = [np.array(plan.ranks)] if plan.ranks else []  # of the classes
        now = {
            "format": FORMAT,
            "seed": plan.seed,
            "table": table_fingerprint(plan.X, plan.y, plan.groups, plan.sample_weight, *order),
            "outer folds": digest(*(rows for fold in plan.folds for rows in fold)),
            "metrics": {name: scorer_fingerprint(scorer) for name, scorer in plan.scorers.items()},
            "time": None if plan.time is None else digest(stable_repr(plan.time), str(plan.gap)),
        }
        before = self._read_about()  # again, because another call may have made it before this one had the lock
        self._python = PYTHON if before is None else before.get("python")
        for name, difference in _CHANGES.items():
            if before is not None and before.get(name) != now[name]:
                raise self._refusal(difference)
        if before is None or before["format"] != FORMAT:  # a version that reads only an older format must see that
            try:
                write_text(self._about_path, json.dumps(now | {"python": self._python}, indent=2))
            except OSError as error:
                raise self._unwritable(error) from error

    def _read_about(self) -> dict[str, Any] | None:
        try:
            about = json.loads(self._about_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise InvalidInputError(f"store '{self.folder}' cannot be read: {error}; name a new folder") from error
        except ValueError:
            about = None
        if not isinstance(about, dict) or not isinstance(about.get("seed"), int) or "outer folds" not in about:
            raise InvalidInputError(
                f"store '{self.folder}': about.json of this folder is damaged, or nested_cross_validate did not write "
                "it; name a new folder"
            )
        if about.get("format") not in _READABLE:
            number = about.get("format", 1)
            age = "newer" if isinstance(number, int) and number > FORMAT else "older"
            raise InvalidInputError(
                f"store '{self.folder}' was written by {'a' if age == 'newer' else 'an'} {age} version of automl; "
                "use that version, or name a new folder"
            )
        return about

    def _read_results(self, metrics: Iterable[str]) -> dict[tuple[str, int], FoldScores]:
        try:
            self._lines_path.touch()
            content = self._lines_path.read_bytes()
            if content and not content.endswith(b"\n"):
                with self._lines_path.open("ab") as file:
                    file.write(b"\n")  # a killed call left half a line; the next line starts on its own
        except OSError as error:
            raise InvalidInputError(f"store '{self.folder}' cannot be read: {error}; name a new folder") from error
        results = {}
        for line in content.splitlines():
            parsed = _parse(line)
            if parsed is None:
                continue
            result, fingerprint = parsed
            if self._fingerprints.get(result.estimator, fingerprint) != fingerprint:
                raise self._refusal(f"other settings of estimator {result.estimator!r}")
            if _is_complete(result, metrics):
                results[result.estimator, result.fold] = result
        return results

    def _refusal(self, difference: str) -> InvalidInputError:
        return InvalidInputError(
            f"store '{self.folder}' holds a cross-validation with {difference}{python_hint(self._python)}; repeat that "
            "call, or name a new folder"
        )

    def _unwritable(self, error: OSError) -> InvalidInputError:
        return InvalidInputError(f"store '{self.folder}' cannot be written: {error}; name another folder")


def _parse(line: bytes) -> tuple[FoldScores, str] | None:
    """Return the result and the estimator's fingerprint in a line; None for a damaged line."""
    try:
        values = json.loads(line)
        fingerprint = str(values.pop("fingerprint"))
        result = FoldScores(**values)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    kinds = {"estimator": str, "fold": int, "scores": dict, "reasons": dict, "fit_seconds": Real, "score_seconds": Real}
    sound = all(isinstance(getattr(result, name), kind) for name, kind in kinds.items())
    sound = sound and all(isinstance(own, dict | None) for own in (result.configuration, result.estimate))
    return (result, fingerprint) if sound else None


def _is_complete(result: FoldScores, metrics: Iterable[str]) -> bool:
    """Whether there is a score of each metric."""
    return not result.failed and all(isinstance(result.scores.get(metric), Real) for metric in metrics)
