"""Evaluations of other people's runs: from OpenML into the database.

What was pulled before is not pulled again: descriptions, features and qualities of data sets lie in the client's cache,
setups that were read in files beside them, and what the database has of a data set and a configuration stays as it is.
Only the lists of evaluations are asked for each time, because new runs may stand in them. Each evaluation is written
in one transaction, after all that it needs has been downloaded, so that a pull that ends early leaves only whole
results, and the next one goes on.
"""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import openml

from meta_db.exchange.client import OpenMLError, Session
from meta_db.exchange.flows import NotMappedError, Parameters, is_known_library, read_value, split_version
from meta_db.exchange.mapping import map_setup
from meta_db.files import write_text
from meta_db.records import DatasetRecord, EvaluationRecord
from meta_db.store import MetaDatabase
from pipelines.component import TableTraits, task_type
from pipelines.configuration import Configuration

logger = logging.getLogger(__name__)

# OpenML's measures, the scikit-learn scorer that each one is, and its sign there. OpenML has no log loss.
MEASURES: Mapping[str, Mapping[str, tuple[str, float]]] = {
    "binary": {
        "area_under_roc_curve": ("roc_auc", 1.0),
        "predictive_accuracy": ("accuracy", 1.0),
    },
    "multiclass": {
        "area_under_roc_curve": ("roc_auc_ovr_weighted", 1.0),
        "predictive_accuracy": ("accuracy", 1.0),
    },
    "regression": {
        "root_mean_squared_error": ("neg_root_mean_squared_error", -1.0),
        "mean_absolute_error": ("neg_mean_absolute_error", -1.0),
    },
}
_FIT_TIME, _PREDICT_TIME = "usercpu_time_millis_training", "usercpu_time_millis_testing"
_AT_ONCE = 100
_MOST_FAILURES = 3  # in a row: then it is not the task, it is the server
OTHER_LIBRARY = "not a flow of scikit-learn, XGBoost or LightGBM in Python"


@dataclass(frozen=True)
class Selection:
    """What to pull.

    Attributes
    ----------
    suites, tasks, datasets : sequence of int
        OpenML's numbers; a suite or data set stands for its tasks of classification and regression.
    limit : int
        Runs of a task that are looked at, in the order in which OpenML lists them.
    per_fold : bool
        Scores of each fold instead of one; slow for the server.
    """

    suites: Sequence[int] = ()
    tasks: Sequence[int] = ()
    datasets: Sequence[int] = ()
    limit: int = 10_000
    per_fold: bool = False


@dataclass
class PullReport:
    """What came of a pull, in runs.

    Attributes
    ----------
    n_tasks : int
        Tasks that were gone through to their end.
    n_listed, n_mapped, n_added : int
        Runs that OpenML listed; those whose setup has a counterpart in our space; those that were written, because
        the database had nothing of the configuration on the data set.
    reasons : Counter of str
        Why runs were not mapped.
    failures : dict of int to str
        Tasks that could not be pulled, and why.
    """

    n_tasks: int = 0
    n_listed: int = 0
    n_mapped: int = 0
    n_added: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)


def pull(
    session: Session,
    database: MetaDatabase,
    selection: Selection,
    on_task: Callable[[int, PullReport], None] = lambda task, report: None,
) -> PullReport:
    """Add evaluations of scikit-learn, XGBoost and LightGBM runs to the database.

    Parameters
    ----------
    on_task : callable
        Called as ``on_task(task, report)`` after each task.

    Returns
    -------
    PullReport
        A task that fails is noted there and the next one tried; after three in a row the rest is left.

    Raises
    ------
    OpenMLError
        If it is not even known which tasks are meant.
    """
    report = PullReport()
    in_a_row = 0
    for task in find_tasks(session, selection):
        try:
            _pull_task(session, database, task, selection, report)
            report.n_tasks += 1
            in_a_row = 0
        except OpenMLError as error:
            report.failures[task] = str(error)
            logger.warning("task %d is left out: %s", task, error)
            in_a_row += 1
        on_task(task, report)
        if in_a_row == _MOST_FAILURES:
            break
    return report


def find_tasks(session: Session, selection: Selection) -> list[int]:
    """Numbers of all tasks that are meant, each one once."""
    found = list(selection.tasks)
    for suite in selection.suites:
        found += session.ask(f"suite {suite}", partial(openml.study.get_suite, suite)).tasks or []
    for dataset in selection.datasets:
        listed = session.ask(
            f"tasks of data set {dataset}",
            partial(openml.tasks.list_tasks, data_id=dataset, output_format="dataframe"),
        )
        kinds = (openml.tasks.TaskType.SUPERVISED_CLASSIFICATION, openml.tasks.TaskType.SUPERVISED_REGRESSION)
        found += [int(row["tid"]) for row in listed.to_dict("records") if row["ttid"] in kinds]
    return list(dict.fromkeys(found))


def read_traits(dataset: Any, target: str, is_classification: bool) -> TableTraits:
    """Traits of a data set by its features and qualities, as near to those of the table as these say.

    Raises
    ------
    OpenMLError
        If the server does not say how many rows and classes there are.
    """
    qualities = dataset.qualities or {}
    n_rows = qualities.get("NumberOfInstances", math.nan)
    classes = next((f.nominal_values or [] for f in dataset.features.values() if f.name == target), None)
    if classes is None or not n_rows > 0 or (is_classification and len(classes) < 2):
        raise OpenMLError(f"data set {dataset.dataset_id}: its features and qualities do not describe '{target}'")
    hidden = {target, *_names(dataset.row_id_attribute), *_names(dataset.ignore_attribute)}
    columns = [f for f in dataset.features.values() if f.name not in hidden and len(f.nominal_values or "ab") > 1]
    if not columns:
        raise OpenMLError(f"data set {dataset.dataset_id} has no column but the target")
    n_classes = len(classes) if is_classification else 0
    kind = task_type(n_classes)
    nominal = [(i, len(f.nominal_values)) for i, f in enumerate(columns) if f.data_type == "nominal"]
    return TableTraits(
        task=kind,
        n_rows=int(n_rows),
        n_features=len(columns),
        n_classes=n_classes,
        categorical=tuple(i for i, _ in nominal),
        cardinalities=tuple(n for _, n in nominal),
        has_missing=any(f.number_missing_values > 0 for f in columns),
    )


def _names(attribute: str | Iterable[str] | None) -> list[str]:
    listed = [attribute] if isinstance(attribute, str) else list(attribute or [])
    return [name.strip() for names in listed for name in names.split(",")]


def _pull_task(session: Session, database: MetaDatabase, number: int, selection: Selection, report: PullReport) -> None:
    """Everything is downloaded first; only then, and only if nothing failed, is anything written."""
    task = session.task(number)
    # A learning curve is a kind of classification for the client, but its scores are of parts of the table.
    if type(task) not in (openml.tasks.OpenMLClassificationTask, openml.tasks.OpenMLRegressionTask):
        raise OpenMLError(f"task {number} is neither classification nor regression")
    record = _record(session, task)
    runs = _list_runs(session, number, record.traits.task, selection)
    usable = {run: about for run, about in runs.items() if is_known_library(about.flow_name)}
    setups = _read_setups(session, sorted({about.setup_id for about in usable.values()}))
    reasons: Counter[str] = Counter({OTHER_LIBRARY: len(runs) - len(usable)})
    mapped = _map_runs(usable, setups, record.traits, reasons)
    new = _new_runs(database, record, mapped)
    times = {measure: _list_times(session, number, measure, list(new)) for measure in (_FIT_TIME, _PREDICT_TIME)}
    report.n_listed += len(runs)
    report.reasons += reasons
    report.n_mapped += len(mapped)
    if new:
        dataset = database.add_dataset(record)
    for run, configuration in new.items():
        about = usable[run]
        evaluation = EvaluationRecord(
            "ok",
            about.scores,
            fit_seconds=times[_FIT_TIME].get(run),
            predict_seconds=times[_PREDICT_TIME].get(run),
        )
        made_by = _provenance(session, number, run, about)
        database.add_evaluation(dataset, configuration, evaluation, "openml", made_by)
        report.n_added += 1


@dataclass
class _Run:
    """A run in OpenML's lists."""

    flow_name: str
    setup_id: int
    scores: dict[str, list[float]]


def _record(session: Session, task: Any) -> DatasetRecord:
    dataset = session.dataset(int(task.dataset_id))
    is_classification = isinstance(task, openml.tasks.OpenMLClassificationTask)
    qualities = {name: float(v) for name, v in (dataset.qualities or {}).items() if v is not None and math.isfinite(v)}
    return DatasetRecord(
        name=dataset.name,
        fingerprint=f"{session.server} data set {dataset.dataset_id} target {task.target_name}",
        family=dataset.name,
        n_rows=int(qualities.get("NumberOfInstances", 0)),
        traits=read_traits(dataset, task.target_name, is_classification),
        qualities=qualities,
        target=np.zeros(0, dtype=np.float32),
        openml_id=int(dataset.dataset_id),
    )


def _list_runs(session: Session, task: int, kind: str, selection: Selection) -> dict[int, _Run]:
    """Runs with their scores, under scikit-learn's names."""
    runs: dict[int, _Run] = {}
    for measure, (scorer, sign) in MEASURES[kind].items():
        listed = _list(session, measure, task, selection.limit, selection.per_fold)
        for number, found in listed.items():
            about = runs.setdefault(number, _Run(found.flow_name, found.setup_id, {}))
            values = [sign * float(value) for value in (found.values or [found.value]) if value is not None]
            if values and all(map(math.isfinite, values)):
                about.scores[scorer] = values
    return runs


def _list_times(session: Session, task: int, measure: str, runs: Sequence[int]) -> dict[int, float]:
    """Mean seconds of a fold by run.

    OpenML's single number is of no use: it does not say of how many folds it is the sum.
    """
    seconds: dict[int, float] = {}
    for batch in _batches(runs):
        listed = session.ask(
            f"{measure} of task {task}",
            partial(
                openml.evaluations.list_evaluations,
                measure,
                tasks=[task],
                runs=batch,
                size=None,
                per_fold=True,
                output_format="object",
            ),
        )
        seconds |= {run: float(np.mean(found.values)) / 1000 for run, found in listed.items() if found.values}
    return seconds


def _batches(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Few enough for one address."""
    for start in range(0, len(numbers), _AT_ONCE):
        yield numbers[start : start + _AT_ONCE]


def _list(session: Session, measure: str, task: int, limit: int, per_fold: bool) -> dict[int, Any]:
    found: dict[int, Any] = session.ask(
        f"evaluations of task {task} by {measure}",
        lambda: openml.evaluations.list_evaluations(
            measure, tasks=[task], size=limit, per_fold=per_fold or None, output_format="object"
        ),
    )
    return found


def _read_setups(session: Session, wanted: Sequence[int]) -> dict[int, Parameters]:
    """Parameters of setups by class; each setup is asked for once and then kept beside the client's own files."""
    folder = session.cache / "setups_by_class"
    folder.mkdir(parents=True, exist_ok=True)
    known: dict[int, Parameters] = {}
    for number in wanted:
        path = folder / f"{number}.json"
        if path.exists():
            known[number] = json.loads(path.read_text())
    missing = [number for number in wanted if number not in known]
    for batch in _batches(missing):
        listed = session.ask(f"setups {batch[0]} to {batch[-1]}", partial(openml.setups.list_setups, setup=batch))
        for number, setup in listed.items():
            by_class: dict[str, dict[str, Any]] = {}
            for given in (setup.parameters or {}).values():
                class_name, _ = split_version(given.flow_name)
                by_class.setdefault(class_name, {})[given.parameter_name] = read_value(given.value)
            known[number] = by_class
            write_text(folder / f"{number}.json", json.dumps(by_class))
    return known


def _map_runs(
    runs: Mapping[int, _Run], setups: Mapping[int, Parameters], traits: TableTraits, reasons: Counter[str]
) -> dict[int, Configuration]:
    """Runs whose setup is in our space; counts why the others are not."""
    cache: dict[int, Configuration | str] = {}
    mapped = {}
    for number, run in runs.items():
        if run.setup_id not in cache:
            cache[run.setup_id] = _map(run, setups.get(run.setup_id), traits)
        found = cache[run.setup_id] if run.scores else "no finite score that we know"
        if isinstance(found, str):
            reasons[found] += 1
        else:
            mapped[number] = found
    return mapped


def _map(run: _Run, parameters: Parameters | None, traits: TableTraits) -> Configuration | str:
    if parameters is None:
        return "OpenML does not have the setup"
    try:
        return map_setup(run.flow_name, parameters, traits)
    except NotMappedError as error:
        return str(error)


def _new_runs(
    database: MetaDatabase, record: DatasetRecord, mapped: Mapping[int, Configuration]
) -> dict[int, Configuration]:
    """Runs that tell something new: of each configuration that the database has nothing of, the first."""
    tried = {
        configuration
        for number, known in database.datasets([record.traits.task])
        if known.fingerprint == record.fingerprint
        for configuration in database.tried(number)
    }
    new = {}
    for run, configuration in mapped.items():
        if configuration not in tried:
            tried.add(configuration)
            new[run] = configuration
    return new


def _provenance(session: Session, task: int, number: int, run: _Run) -> dict[str, str | int]:
    flow, version = split_version(run.flow_name)
    return {
        "source": "openml",
        "server": session.server,
        "run": number,
        "task": task,
        "setup": run.setup_id,
        "flow": flow,
        "flow_version": version,
    }
