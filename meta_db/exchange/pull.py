"""Adds evaluations of other people's runs from OpenML to the meta-database.

Nothing is downloaded twice: descriptions, features and qualities of data sets are in openml's cache, setups are in
files beside them, and a result that the database already holds stays as it is. Only the lists of
evaluations are requested each time, because they may contain new runs. Each evaluation is written in one transaction,
after everything that it needs has been downloaded. Therefore a pull that ends early leaves only complete results, and
the next pull continues.
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

from meta_db.exchange.client import OpenMLClient, OpenMLError
from meta_db.exchange.flows import NotMappedError, Parameters, is_known_library, read_value, split_version
from meta_db.exchange.mapping import map_setup
from meta_db.files import write_text
from meta_db.records import DatasetRecord, EvaluationRecord
from meta_db.store import MetaDatabase
from pipelines.component import TableTraits, task_type
from pipelines.configuration import Configuration

logger = logging.getLogger(__name__)

# The scikit-learn scorer that equals each of OpenML's measures, and the sign to apply. OpenML has no log loss.
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
_PER_REQUEST = 100  # numbers in one address
_MOST_FAILURES = 3  # in a row: then the server is the cause, not the task
OTHER_LIBRARY = "not a flow of scikit-learn, XGBoost or LightGBM in Python"


@dataclass(frozen=True)
class Selection:
    """The tasks and runs to pull.

    Attributes
    ----------
    suites, tasks, datasets : sequence of int
        OpenML's numbers; a suite or a data set stands for its classification and regression tasks.
    limit : int
        Largest number of runs of a task, in the order in which OpenML lists them.
    per_fold : bool
        Request the scores of each fold instead of their mean; slow for the server.
    """

    suites: Sequence[int] = ()
    tasks: Sequence[int] = ()
    datasets: Sequence[int] = ()
    limit: int = 10_000
    per_fold: bool = False


@dataclass
class PullReport:
    """Counts of the runs of a pull.

    Attributes
    ----------
    n_tasks : int
        Tasks that were completed.
    n_listed, n_mapped, n_added : int
        Runs that OpenML listed; runs whose setup has a counterpart in our space; runs that were added, because the
        database had no result of the configuration on the data set.
    reasons : Counter of str
        Numbers of runs that were not mapped, by reason.
    failures : dict of int to str
        Reasons of the tasks that could not be pulled.
    """

    n_tasks: int = 0
    n_listed: int = 0
    n_mapped: int = 0
    n_added: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)


def pull(
    client: OpenMLClient,
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
        The report. A task that fails is noted in it, and the next task follows. After three failures in a row the pull
        ends.

    Raises
    ------
    OpenMLError
        If the tasks of a suite or a data set cannot be listed.
    """
    report = PullReport()
    in_a_row = 0
    for task in _find_tasks(client, selection):
        try:
            _pull_task(client, database, task, selection, report)
            report.n_tasks += 1
            in_a_row = 0
        except OpenMLError as error:
            report.failures[task] = str(error) if str(error).startswith(f"task {task}") else f"task {task}: {error}"
            logger.info("left out: %s", error)
            in_a_row += 1
        on_task(task, report)
        if in_a_row == _MOST_FAILURES:
            break
    return report


def _find_tasks(client: OpenMLClient, selection: Selection) -> list[int]:
    """Return the numbers of all selected tasks, each once."""
    found = list(selection.tasks)
    for suite in selection.suites:
        found += client.ask(f"suite {suite}", partial(openml.study.get_suite, suite)).tasks or []
    for dataset in selection.datasets:
        listed = client.ask(
            f"tasks of data set {dataset}",
            partial(openml.tasks.list_tasks, data_id=dataset, output_format="dataframe"),
        )
        kinds = (openml.tasks.TaskType.SUPERVISED_CLASSIFICATION, openml.tasks.TaskType.SUPERVISED_REGRESSION)
        found += [int(row["tid"]) for row in listed.to_dict("records") if row["ttid"] in kinds]
    return list(dict.fromkeys(found))


def _read_traits(dataset: Any, target: str, is_classification: bool) -> TableTraits:
    """Return traits of a data set from its features and qualities; they are close to the traits of the table itself.

    Raises
    ------
    OpenMLError
        If the server does not give the numbers of rows and classes.
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


def _pull_task(
    client: OpenMLClient, database: MetaDatabase, number: int, selection: Selection, report: PullReport
) -> None:
    """Download everything that a task needs, and write only if nothing failed."""
    task = client.task(number)
    # For openml, a learning curve is a classification, too. But its scores are measured on parts of the table.
    if type(task) not in (openml.tasks.OpenMLClassificationTask, openml.tasks.OpenMLRegressionTask):
        raise OpenMLError(f"task {number} is neither classification nor regression")
    record = _record(client, task)
    runs = _list_runs(client, number, record.traits.task, selection)
    usable = {run: about for run, about in runs.items() if is_known_library(about.flow_name)}
    setups = _read_setups(client, sorted({about.setup_id for about in usable.values()}))
    reasons: Counter[str] = Counter({OTHER_LIBRARY: len(runs) - len(usable)})
    mapped = _map_runs(usable, setups, record.traits, reasons)
    new = _new_runs(database, record, mapped)
    times = {measure: _list_times(client, number, measure, list(new)) for measure in (_FIT_TIME, _PREDICT_TIME)}
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
        made_by = _provenance(client, number, run, about)
        database.add_evaluation(dataset, configuration, evaluation, "openml", made_by)
        report.n_added += 1


@dataclass
class _Run:
    """A run as OpenML lists it."""

    flow_name: str
    setup_id: int
    scores: dict[str, list[float]]


def _record(client: OpenMLClient, task: Any) -> DatasetRecord:
    dataset = client.dataset(int(task.dataset_id))
    is_classification = isinstance(task, openml.tasks.OpenMLClassificationTask)
    qualities = {name: float(v) for name, v in (dataset.qualities or {}).items() if v is not None and math.isfinite(v)}
    return DatasetRecord(
        name=dataset.name,
        fingerprint=f"{client.server} data set {dataset.dataset_id} target {task.target_name}",
        family=dataset.name,
        n_rows=int(qualities.get("NumberOfInstances", 0)),
        traits=_read_traits(dataset, task.target_name, is_classification),
        qualities=qualities,
        target=np.zeros(0, dtype=np.float32),
        openml_id=int(dataset.dataset_id),
    )


def _list_runs(client: OpenMLClient, task: int, kind: str, selection: Selection) -> dict[int, _Run]:
    """Return the runs of a task with their scores, by scikit-learn's names."""
    runs: dict[int, _Run] = {}
    for measure, (scorer, sign) in MEASURES[kind].items():
        listed = _list(client, measure, task, selection.limit, selection.per_fold)
        for number, found in listed.items():
            about = runs.setdefault(number, _Run(found.flow_name, found.setup_id, {}))
            values = [sign * float(value) for value in (found.values or [found.value]) if value is not None]
            if values and all(map(math.isfinite, values)):
                about.scores[scorer] = values
    return runs


def _list_times(client: OpenMLClient, task: int, measure: str, runs: Sequence[int]) -> dict[int, float]:
    """Return the mean seconds of a fold by run.

    The sum that OpenML gives by default is not used: the number of its folds is unknown.
    """
    seconds: dict[int, float] = {}
    for batch in _batches(runs):
        listed = client.ask(
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
    """Yield parts of a list of numbers, each short enough for one address."""
    for start in range(0, len(numbers), _PER_REQUEST):
        yield numbers[start : start + _PER_REQUEST]


def _list(client: OpenMLClient, measure: str, task: int, limit: int, per_fold: bool) -> dict[int, Any]:
    found: dict[int, Any] = client.ask(
        f"evaluations of task {task} by {measure}",
        lambda: openml.evaluations.list_evaluations(
            measure, tasks=[task], size=limit, per_fold=per_fold or None, output_format="object"
        ),
    )
    return found


def _read_setups(client: OpenMLClient, wanted: Sequence[int]) -> dict[int, Parameters]:
    """Return the parameters of setups by class; a setup is requested once and then kept beside openml's files."""
    folder = client.cache / "setups_by_class"
    folder.mkdir(parents=True, exist_ok=True)
    known: dict[int, Parameters] = {}
    for number in wanted:
        path = folder / f"{number}.json"
        if path.exists():
            known[number] = json.loads(path.read_text())
    missing = [number for number in wanted if number not in known]
    for batch in _batches(missing):
        listed = client.ask(f"setups {batch[0]} to {batch[-1]}", partial(openml.setups.list_setups, setup=batch))
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
    """Return the runs whose setup is in our space, and count the reasons of the others."""
    cache: dict[int, Configuration | str] = {}
    mapped = {}
    for number, run in runs.items():
        if run.setup_id not in cache:
            cache[run.setup_id] = _map(run, setups.get(run.setup_id), traits)
        found = cache[run.setup_id] if run.scores else "the run has no finite score of a known measure"
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
    """Return the first run of each configuration that has no result on the data set in the database."""
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


def _provenance(client: OpenMLClient, task: int, number: int, run: _Run) -> dict[str, str | int]:
    flow, version = split_version(run.flow_name)
    return {
        "source": "openml",
        "server": client.server,
        "run": number,
        "task": task,
        "setup": run.setup_id,
        "flow": flow,
        "flow_version": version,
    }
