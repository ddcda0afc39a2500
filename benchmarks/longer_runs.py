"""Measure in stored runs what the last seconds of a search, the number of fold models, and a second layer change.

Each run is a fit of one worker that keeps its run directory. Its ensemble is selected again, by the code of a fit, from
the trials that had ended after a share of the seconds of all trials, from fewer fold models of each member, and with a
second layer as a further candidate. All ensembles are scored on the test rows of the fold. A run that is in the folder
is not fitted again; a cell (table, fold, system) in the CSV file is not scored again.

Example: python -m benchmarks.longer_runs --data DATA --tables housing,churn --runs RUNS --out longer_runs.csv
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import lightgbm
import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import softmax
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl import AutoMLClassifier, AutoMLRegressor
from automl.ensemble.calibration import calibrate
from automl.ensemble.cost import typical_cost
from automl.ensemble.selection import Ensemble, FoldBag, Member, out_of_fold, select_members
from automl.execute.evaluate import predict
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import TrialResult
from benchmarks.analyze import compare_pairs
from benchmarks.honest_estimate import SCORING
from benchmarks.replay_store import ENSEMBLE_SIZE, SEED, make_task
from benchmarks.requirements import MissingRequirementError
from benchmarks.result_file import append_row, missing_cells
from benchmarks.run import COLUMNS, METRICS
from benchmarks.splits import split
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks
from pipelines.configuration import Configuration

HERE = Path(__file__).parent
BASE = "whole run"
ALL_FOLDS = "all fold models"
INFORMATION = ("gain in", "share of")  # names of systems that are no errors begin so
SHARES = (1 / 3, 1 / 2, 2 / 3)  # of the seconds of all trials
FOLD_MODELS = (1, 2, 4)
LAYERS = ("linear", "lightgbm", "forest", "boosted")
GATE = 1.5  # standard errors of the paired gain that admit a second layer
_RAW_COLUMNS = 50
_LAYER_FOLDS = 5
_ALPHAS = np.logspace(-3, 3, 7)
_TREES: dict[str, Any] = {
    "num_leaves": 6, "min_child_samples": 20, "subsample": 0.8, "subsample_freq": 1, "colsample_bytree": 0.6,
    "n_jobs": 1, "random_state": SEED, "verbose": -1,
}  # fmt: skip
_LEAST = 1e-6  # probability
_MISSING = -999.0  # stands for a missing number in a forest
Array = NDArray[Any]


@dataclass
class StoredRun:
    """A run directory with the test rows of its table.

    Attributes
    ----------
    task : Task
        Its holdout rows are the test rows.
    known : dict
        The predictions of fold models for the test rows.
    """

    task: Task
    artifacts: Artifacts
    history: RunHistory
    known: dict[tuple[Configuration, int], Array] = field(default_factory=dict)

    @property
    def X_test(self) -> Any:
        """The test rows."""
        assert self.task.holdout is not None
        return self.task.holdout.X

    def on_test_rows(self, configuration: Configuration, fold: int) -> Array:
        """Return the predictions of a fold model for the test rows."""
        if (configuration, fold) not in self.known:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = self.artifacts.model(configuration, fold)
                p = predict(model, self.X_test, self.task.traits.n_classes)
            self.known[configuration, fold] = p.astype(float)
        return self.known[configuration, fold]

    def mean_on_test_rows(self, configuration: Configuration, folds: list[int]) -> Array:
        """Return the mean prediction of some fold models for the test rows."""
        return np.asarray(np.mean([self.on_test_rows(configuration, fold) for fold in folds], axis=0))

    def until(self, share: float) -> RunHistory:
        """Return the history when this share of the seconds of all trials had been used."""
        return RunHistory(result for result, used in self._used() if used <= share)

    def without_late(self, share: float) -> RunHistory:
        """Return the history without the configurations that were tried for the first time after this share."""
        early = self.configurations(0.0, share)
        return RunHistory(result for result, _ in self._used() if result.trial.configuration in early)

    def configurations(self, begin: float, end: float) -> set[Configuration]:
        """Return the configurations whose first trials ended between two shares of the seconds."""
        first: dict[Configuration, float] = {}
        for result, used in self._used():
            first.setdefault(result.trial.configuration, used)
        return {c for c, used in first.items() if begin < used <= end}

    def _used(self) -> list[tuple[TrialResult, float]]:
        """Return the results, each with the share of the seconds of all trials that had been used at its end."""
        results = self.history.results
        ends = np.cumsum([result.seconds for result in results])
        return list(zip(results, (ends / ends[-1]).tolist(), strict=True))

    def error(self, predictions: Array) -> float:
        """Return the error on the test rows."""
        assert self.task.holdout is not None
        return self.task.metric.best + float(self.task.metric.loss(self.task.holdout.y, predictions, None))


@dataclass
class Selected:
    """An ensemble of a stored run, without its models."""

    run: StoredRun
    members: list[Member]
    ensemble: Ensemble
    rows: NDArray[np.intp]
    out_of_fold: Array

    def predict(self, folds: NDArray[np.intp] | None = None) -> Array:
        """Return the predictions for the test rows by all fold models.

        Parameters
        ----------
        folds : ndarray of int, optional
            Numbers of the folds whose models predict; then members that lack folds are left out.
        """
        mean: Any = 0.0
        total = 0.0
        for member in self.members if folds is None else self.complete_members:
            own = sorted(member.evaluation.folds) if folds is None else folds.tolist()
            mean = mean + member.weight * self.run.mean_on_test_rows(member.configuration, own)
            total += member.weight
        return self.ensemble.finish(mean / total)

    @property
    def complete_members(self) -> list[Member]:
        """The members that have finished all folds."""
        return [m for m in self.members if len(m.evaluation.folds) == len(self.run.task.folds)]


def open_run(folder: Path, table: pd.DataFrame, kind: str, fold: int, seconds: float, name: str) -> StoredRun:
    """Return a stored run, after a fit where there is none."""
    if not (folder / "run.json").exists():
        train, _ = split(table, kind, fold)
        estimator = AutoMLRegressor if kind == "regression" else AutoMLClassifier
        model = estimator(
            time_budget=seconds,
            scoring=SCORING[METRICS[kind]],
            n_jobs=1,
            random_state=SEED,
            store=folder,
            without=[name],
        )
        model.fit(train.drop(columns="target"), train["target"])
    task, prepared = Task.open(folder), make_task(table, kind, fold)
    if not np.array_equal(task.y, prepared.y):
        raise MissingRequirementError(f"'{folder}' holds a run on other rows; name another folder")
    stored = RunHistory(result for result in RunDirectory(folder).read() if result.started)
    return StoredRun(Task(**{**vars(task), "holdout": prepared.holdout}), Artifacts(folder), stored)


def select(run: StoredRun, history: RunHistory) -> Selected:
    """Return the ensemble that a fit would build from a history."""
    task = run.task
    trials = FinishedTrials(history, run.artifacts, task, SEED)
    members = select_members(trials, ENSEMBLE_SIZE, float("inf"), typical_cost(task, measured=True))
    bags = [FoldBag(m.configuration, m.weight, [], tuple(sorted(m.evaluation.folds))) for m in members]
    ensemble = Ensemble(bags, task.traits.n_classes, prediction_range=task.metric.prediction_range)
    rows, p = out_of_fold(trials, bags)
    if task.traits.n_classes:
        ensemble.calibration = calibrate(task.scored(rows), p, SEED)
    return Selected(run, members, ensemble, rows, p)


def second_layer(selected: Selected, kind: str) -> tuple[Array, Array]:
    """Return the out-of-fold and test predictions of a second layer.

    The rows are split anew, so that no row is predicted by a model that was trained on it.

    Parameters
    ----------
    kind : str
        One of `LAYERS`. "linear": a linear model on the members' logits; "lightgbm": small trees on these logits and
        the best raw columns; "forest": a random forest on the same columns; "boosted": small trees on the same columns
        that begin at the prediction of the ensemble.
    """
    run, task, rows, members = selected.run, selected.run.task, selected.rows, selected.members
    folds = sorted(set.intersection(*(set(m.evaluation.folds) for m in members)))
    inner = [run.artifacts.out_of_fold(m.configuration, folds) for m in members]
    outer = [run.mean_on_test_rows(m.configuration, sorted(m.evaluation.folds)) for m in members]
    X, X_test = (part.toarray() if sparse.issparse(part) else part for part in (task.X[rows], run.X_test))
    raw = [] if kind == "linear" else _best_columns(X, task.y[rows]).tolist()
    first = _Layer(
        np.column_stack([*map(_logits, inner), X[:, raw]]),
        selected.ensemble.finish(selected.out_of_fold),
        task.y[rows],
    )
    test = _Layer(np.column_stack([*map(_logits, outer), X_test[:, raw]]), selected.predict(), np.empty(0))
    p, p_test = np.zeros_like(selected.out_of_fold, dtype=float), np.zeros_like(test.base)
    splitter = (StratifiedKFold if task.traits.n_classes else KFold)(_LAYER_FOLDS, shuffle=True, random_state=SEED + 1)
    for train, scored in splitter.split(first.X, first.y):
        predicted = _fit_layer(kind, task.traits.n_classes, first.take(train), [first.take(scored), test])
        p[scored] = predicted[0]
        p_test += predicted[1] / _LAYER_FOLDS
    return p, p_test


@dataclass(frozen=True)
class _Layer:
    """Columns of the second layer, predictions of the ensemble and targets of some rows."""

    X: Array
    base: Array
    y: Array

    def take(self, rows: NDArray[np.intp]) -> _Layer:
        """Return some of the rows."""
        return _Layer(self.X[rows], self.base[rows], self.y[rows])


def _logits(p: Array) -> Array:
    """Return the logits of probabilities; predicted values as they are."""
    if p.ndim == 1:
        return p[:, None]
    logs = np.log(np.clip(p, _LEAST, 1.0))
    return logs[:, 1:] - logs[:, :1]


def _best_columns(X: Array, y: Array) -> NDArray[np.intp]:
    """Return the columns with the largest rank correlation with the target."""
    ranks = pd.DataFrame(X).rank()
    return np.argsort(-ranks.corrwith(pd.Series(y).rank()).abs().fillna(0.0).to_numpy())[:_RAW_COLUMNS]


def _fit_layer(kind: str, n_classes: int, train: _Layer, parts: list[_Layer]) -> list[Array]:
    """Return the predictions of a second layer for some parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "boosted":
            return _fit_boosted(n_classes, train, parts)
        if kind == "linear":
            last = LogisticRegressionCV(Cs=5, cv=3, scoring="neg_log_loss") if n_classes else RidgeCV(_ALPHAS)
            model: Any = make_pipeline(StandardScaler(), last)
        elif kind == "forest":
            forest = RandomForestClassifier if n_classes else RandomForestRegressor
            model = forest(150, min_samples_leaf=3, max_features="sqrt" if n_classes else 0.3, random_state=SEED)
        else:
            maker = lightgbm.LGBMClassifier if n_classes else lightgbm.LGBMRegressor
            model = maker(n_estimators=100, learning_rate=0.05, **_TREES)
        # scikit-learn's forests know missing numbers only if the training rows have some in the same column.
        inputs = [np.nan_to_num(layer.X, nan=_MISSING) if kind == "forest" else layer.X for layer in (train, *parts)]
        model.fit(inputs[0], train.y)
        return [model.predict_proba(X) if n_classes else model.predict(X) for X in inputs[1:]]


def _fit_boosted(n_classes: int, train: _Layer, parts: list[_Layer]) -> list[Array]:
    """Return the predictions of small trees that begin at the prediction of the ensemble."""
    objective = {0: "regression", 2: "binary"}.get(n_classes, "multiclass")
    params = {"objective": objective, "learning_rate": 0.03, **_TREES}
    if n_classes > 2:
        params["num_class"] = n_classes

    def starts(layer: _Layer) -> Array:
        return np.log(np.clip(layer.base, _LEAST, 1.0)) if n_classes > 2 else _logits(layer.base)[:, 0]

    data = lightgbm.Dataset(train.X, train.y, init_score=starts(train))
    booster = lightgbm.train(params, data, num_boost_round=50)
    outputs = []
    for part in parts:
        raw = starts(part) + np.asarray(booster.predict(part.X, raw_score=True))
        if n_classes == 2:
            raw = np.column_stack([np.zeros(len(raw)), raw])
        outputs.append(softmax(raw, axis=1) if n_classes else raw)
    return outputs


def paired_gain(y: Array, old: Array, new: Array) -> float:
    """Return the mean gain of the loss of a row, in its standard errors: log loss for classes, squared error else."""
    if old.ndim == 2:
        old, new = (-np.log(np.clip(p[np.arange(len(y)), y], _LEAST, 1.0)) for p in (old, new))
    else:
        old, new = (y - old) ** 2, (y - new) ** 2
    gain = old - new
    return float(gain.mean() / (gain.std(ddof=1) / np.sqrt(len(gain)) + 1e-30))


def stopping_share(run: StoredRun) -> float:
    """Return the share of the seconds after which the challengers of a third of them had no weight in the ensemble.

    It is 1 where each third of the seconds brought a member.
    """
    for end in np.arange(5, 12) / 12:
        history = run.until(end)
        if not any(e.folds for e in history.evaluations.values()):
            continue
        late = run.configurations(end - 1 / 3, end)
        if not late & {member.configuration for member in select(run, history).members}:
            return float(end)
    return 1.0


def systems(run: StoredRun) -> Iterator[tuple[str, float]]:
    """Yield the name and the error of each ensemble."""
    whole = select(run, run.history)
    base = whole.predict()
    yield BASE, run.error(base)
    n_folds = len(run.task.folds)
    for n in FOLD_MODELS if whole.complete_members else ():
        parts = [np.arange(first, first + n) for first in range(0, n_folds - n + 1, n)]
        if parts:
            yield f"{n} fold models", float(np.mean([run.error(whole.predict(part)) for part in parts]))
    if whole.complete_members:
        yield ALL_FOLDS, run.error(whole.predict(np.arange(n_folds)))
    for share in SHARES:
        yield f"no challenger after {share:.0%}", run.error(select(run, run.without_late(share)).predict())
    stop = stopping_share(run)
    yield "share of the seconds at which the rule stops", stop
    yield "no challenger after the rule", run.error(select(run, run.without_late(stop)).predict())
    for kind in LAYERS:
        p, p_test = second_layer(whole, kind)
        y, old = run.task.y[whole.rows], whole.ensemble.finish(whole.out_of_fold)
        gain = paired_gain(y, old, p)
        yield f"second layer, {kind}", run.error((base + p_test) / 2)
        yield f"second layer alone, {kind}", run.error(p_test)
        yield f"second layer behind the gate, {kind}", run.error((base + p_test) / 2 if gain > GATE else base)
        yield f"gain in standard errors, {kind}", gain


def main(
    data: DataFolder,
    runs: Annotated[Path, typer.Option(help="Folder of the run directories NAME_SECONDS_run.")],
    tables: Annotated[str, typer.Option(help="Names with commas.")],
    fold: Annotated[int, typer.Option(help="Test fold, from 0 to 4.")] = 0,
    seconds: Annotated[float, typer.Option(help="Seconds of a run.")] = 300.0,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "longer_runs.csv",
) -> None:
    """Score the ensembles that the file lacks, and compare them with those of the whole runs."""
    tasks, cells = read_tasks(data), [(name, seconds) for name in choose_tables(data, tables)]
    for name, _ in missing_cells(out, ["dataset", "budget"], cells):
        table, kind = read_table(data, name), tasks[name]
        run = open_run(runs / f"{name}_{seconds:.0f}_run", table, kind, fold, seconds, name)
        metric = METRICS[kind]
        about = {
            "dataset": name, "task": kind, "fold": fold, "metric": metric, "n_train": len(run.task.y),
            "budget": seconds, "cores": 1, "date": f"{datetime.now(UTC):%Y-%m-%d}",
        }  # fmt: skip
        found = list(systems(run))
        for system, value in found:
            score = 1 - value if metric == "auc" and not system.startswith(INFORMATION) else value
            append_row(out, {**about, "system": system, "score": score}, COLUMNS)
        print(name, ", ".join(f"{system}: {value:.5g}" for system, value in found), flush=True)
    if out.exists():
        results = pd.read_csv(out)
        compared = []
        for system in results["system"].unique():
            base = ALL_FOLDS if "fold models" in system else BASE
            if system != base and not system.startswith(INFORMATION):
                pair = results[results["system"].isin([system, base])]
                compared.append(compare_pairs(pair, system).assign(system=system))
        shown = ["system", "tables", "tables won %", "log ratio %", "standard error"]
        print(pd.concat(compared)[shown].to_string(index=False, float_format="%.2f"))


if __name__ == "__main__":
    typer.run(main)
