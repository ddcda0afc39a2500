"""Measure what a model family adds: its error alone, and in an equal mean with other families.

Each configuration is fitted to the training rows of the five folds of `splits.py`, in one thread and without a time
limit, and its test predictions are kept. A cell (table, fold, configuration) whose predictions are kept is not fitted
again. The error is the log loss for classes and the RMSE for numbers.

Example:
python -m benchmarks.family_gain --data DATA --tables housing,vowel --models gaussian_process,lightgbm,catboost \
  --base lightgbm,catboost --out benchmarks/results/family_gain
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from sklearn.preprocessing import LabelEncoder
from threadpoolctl import threadpool_limits

from benchmarks.requirements import MissingRequirementError
from benchmarks.splits import N_FOLDS, fold_numbers
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks
from pipelines.build import build_pipeline, fit_preprocessing
from pipelines.component import FitContext, TableTraits, task_type
from pipelines.configuration import Configuration
from pipelines.models import PORTFOLIO
from pipelines.space import build_space, complete
from pipelines.table.reader import TableReader

Array = NDArray[Any]

_SEED = 0
_LEAST = 1e-6  # probability


def entries_of(models: str) -> dict[str, dict[str, Any]]:
    """Return configurations by name: ``family`` is its first entry of the portfolio, ``family:1`` the second.

    Values may follow: ``family:0:exponent=1.2`` changes a hyperparameter of the model, ``family:0:scaling=standard``
    another step.
    """
    found = {}
    for name in models.split(","):
        family, *rest = name.split(":")
        own = [entry for entry in PORTFOLIO if entry["model"] == family]
        number = int(rest[0]) if rest else 0
        if number >= len(own):
            raise MissingRequirementError(f"the portfolio has no entry {number} of the family {family!r}")
        entry = dict(own[number])
        for change in rest[1:]:
            key, _, text = change.partition("=")
            entry[key if key in entry else f"model:{family}:{key}"] = _value(text)
        found[name] = entry
    return found


def _value(text: str) -> Any:
    if text in ("True", "False"):
        return text == "True"
    try:
        return float(text)
    except ValueError:
        return text


class _Table:
    """A table with its folds; rows beyond a limit are left out, after a shuffle."""

    def __init__(self, data: Path, name: str, task: str, max_rows: int):
        table = read_table(data, name).sample(frac=1, random_state=_SEED).head(max_rows).reset_index(drop=True)
        self.name, self.is_regression = name, task == "regression"
        target = table.pop("target")
        self.folds = fold_numbers(target, task)
        self.X = table
        self.y = target.to_numpy(np.float64) if self.is_regression else LabelEncoder().fit_transform(target.astype(str))
        self.n_classes = 0 if self.is_regression else int(self.y.max()) + 1

    def fit(self, entry: dict[str, Any], fold: int) -> tuple[Array, float, float]:
        """Return the predictions of the test rows, and the processor seconds to fit and to predict."""
        train, test = np.flatnonzero(self.folds != fold), np.flatnonzero(self.folds == fold)
        reader = TableReader()
        X = reader.fit_transform(self.X.iloc[train])
        traits: TableTraits = reader.traits(task_type(self.n_classes), self.n_classes, n_rows=len(train))
        configuration: Configuration | None = complete(build_space(traits), entry)
        if configuration is None:
            return np.empty(0), np.nan, np.nan
        start = time.process_time()
        pipeline = build_pipeline(configuration, FitContext(traits, random_state=_SEED))
        transformed = fit_preprocessing(pipeline, configuration, X, self.y[train], None)
        pipeline[-1].fit(transformed, self.y[train], sample_weight=None)
        fitted = time.process_time()
        new = reader.transform(self.X.iloc[test])
        if self.is_regression:
            out = pipeline.predict(new)
        else:
            out = np.zeros((len(test), self.n_classes))
            out[:, pipeline[-1].classes_] = pipeline.predict_proba(new)
        return np.asarray(out), fitted - start, time.process_time() - fitted

    def error(self, predictions: Array, fold: int) -> float:
        """Return the log loss or the RMSE on a fold."""
        truth = self.y[self.folds == fold]
        if self.is_regression:
            return float(np.sqrt(np.mean((truth - predictions) ** 2)))
        clipped = np.clip(predictions, _LEAST, None)
        clipped /= clipped.sum(axis=1, keepdims=True)
        return float(log_loss(truth, clipped, labels=np.arange(self.n_classes)))


def run_cell(table: _Table, name: str, entry: dict[str, Any], fold: int, out: Path) -> Any:
    """Return the kept predictions of a cell, after a fit where there are none."""
    path = out / table.name / f"{entry['model']}-{Configuration(entry).id}-{len(table.y)}-{fold}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings(), np.errstate(all="ignore"), threadpool_limits(1):
            warnings.simplefilter("ignore")
            predictions, fit_seconds, predict_seconds = table.fit(entry, fold)
        np.savez(path, predictions=predictions, fit_seconds=fit_seconds, predict_seconds=predict_seconds)
    return np.load(path)


def measure(
    table: _Table, entries: dict[str, dict[str, Any]], base: list[str], n_folds: int, out: Path, ends: float
) -> list[Any]:
    """Return one row for each configuration: errors, gain in the mean with the base, seconds; none if time is up."""
    cells: dict[str, list[Any]] = {}
    for name, entry in entries.items():
        for fold in range(n_folds):
            if time.monotonic() > ends:
                return []
            cells.setdefault(name, []).append(run_cell(table, name, entry, fold, out))
    found = []
    for name, folds in cells.items():
        if any(len(cell["predictions"]) == 0 for cell in folds):
            continue
        others = [other for other in base if other != name]
        alone, gains = [], []
        for fold, cell in enumerate(folds):
            alone.append(table.error(cell["predictions"], fold))
            known = [cells[other][fold]["predictions"] for other in others]
            if known:
                before = table.error(np.mean(known, axis=0), fold)
                gains.append(np.log(table.error(np.mean([*known, cell["predictions"]], axis=0), fold) / before))
        row = {
            "table": table.name,
            "model": name,
            "error": np.mean(alone),
            "gain %": 100 * np.mean(gains) if others else np.nan,
            "fit s": np.mean([float(cell["fit_seconds"]) for cell in folds]),
            "predict ms": 1000 * np.mean([float(cell["predict_seconds"]) for cell in folds]),
        }
        found.append(row)
    return found


def main(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="Folder of the kept predictions.")],
    tables: Annotated[str, typer.Option(help="Names of tables, with commas.")],
    models: Annotated[str, typer.Option(help="Families, or entries of the portfolio such as lightgbm:1, with commas.")],
    base: Annotated[str, typer.Option(help="Families of the mean to which each model is added.")],
    folds: Annotated[int, typer.Option(help="Folds of the five that are measured.")] = N_FOLDS,
    max_rows: Annotated[int, typer.Option(help="Rows of a table that are used.")] = 3000,
    minutes: Annotated[float, typer.Option(help="Minutes after which no fit starts.")] = 60.0,
) -> None:
    """Print the errors by table, the gain that each model brings, and the processor seconds of a fit."""
    ends = time.monotonic() + 60 * minutes
    tasks, entries = read_tasks(data), entries_of(",".join(dict.fromkeys(f"{base},{models}".split(","))))
    rows = []
    for name in choose_tables(data, tables):
        rows += measure(_Table(data, name, tasks[name], max_rows), entries, base.split(","), folds, out, ends)
    found = pd.DataFrame(rows)
    if found.empty:
        print("no table is complete yet; run the command again")
        return
    errors = found.pivot(index="table", columns="model", values="error")[list(dict.fromkeys(found["model"]))]
    print(errors.to_markdown(floatfmt=".4g"), "\n")
    gains = found.pivot(index="table", columns="model", values="gain %")[list(errors)]
    print("log ratio of the error of the mean with the model and without it, in percent\n")
    print(gains.to_markdown(floatfmt=".1f"), "\n")
    print(summarize(found, errors).to_markdown(floatfmt=".3g"))


def summarize(found: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each model: relative error, gain with its standard error over the tables, seconds."""
    relative = np.log(errors.div(errors.iloc[:, 0], axis=0))
    by_model = found.groupby("model", sort=False)
    gain = by_model["gain %"]
    return pd.DataFrame(
        {
            "tables": by_model.size(),
            f"error / error of {errors.columns[0]}": np.exp(relative.mean()),
            "mean gain %": gain.mean(),
            "standard error": gain.std() / np.sqrt(gain.size()),
            "tables it helps": gain.apply(lambda values: int((values < 0).sum())),
            "fit s (median)": by_model["fit s"].median(),
            "fit s (largest)": by_model["fit s"].max(),
            "predict ms (median)": by_model["predict ms"].median(),
        }
    )


if __name__ == "__main__":
    typer.run(main)
