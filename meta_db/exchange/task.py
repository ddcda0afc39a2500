"""Downloads an OpenML task with its table and splits, and publishes runs on it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openml
import pandas as pd
from numpy.typing import NDArray

from meta_db.exchange.client import OpenMLClient, OpenMLError
from pipelines.configuration import Configuration

_FLOW = "cash_automl.Pipeline"
_DESCRIPTION = "One pipeline of cash-automl: the parameter 'configuration' names all choices in it, as JSON."


@dataclass(frozen=True)
class TaskTable:
    """The table and the splits of a task.

    Attributes
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        Without row numbers and the columns that OpenML says to ignore.
    folds : tuple of (ndarray, ndarray)
        Rows to train on and rows to score, for example for the argument ``cv`` of the estimators.
    places : tuple of (int, int, int)
        Repeat, fold and sample of each of `folds`, as OpenML counts them.
    class_labels : tuple of str
        Empty for regression.
    """

    number: int
    name: str
    dataset_id: int
    X: pd.DataFrame
    y: pd.Series
    folds: tuple[tuple[NDArray[np.intp], NDArray[np.intp]], ...]
    places: tuple[tuple[int, int, int], ...]
    class_labels: tuple[str, ...]


def fetch_task(client: OpenMLClient, number: int) -> TaskTable:
    """Download a task of classification or regression with its data and splits.

    Raises
    ------
    OpenMLError
        If a part of it cannot be downloaded, or it is another kind of task.
    """
    task = client.task(number, with_splits=True)
    if type(task) not in (openml.tasks.OpenMLClassificationTask, openml.tasks.OpenMLRegressionTask):
        raise OpenMLError(f"task {number} is neither classification nor regression")
    dataset = client.dataset(int(task.dataset_id), with_data=True)
    X, y, _, _ = client.ask(f"table of task {number}", lambda: dataset.get_data(target=task.target_name))
    places, folds = _read_splits(client, task)
    if any(rows.size and rows.max() >= len(y) for fold in folds for rows in fold):
        raise OpenMLError(f"task {number}: its splits name rows that data set {dataset.dataset_id} does not have")
    labels = tuple(str(label) for label in getattr(task, "class_labels", None) or ())
    return TaskTable(number, dataset.name, int(dataset.dataset_id), X, y, tuple(folds), tuple(places), labels)


def _read_splits(
    client: OpenMLClient, task: Any
) -> tuple[list[tuple[int, int, int]], list[tuple[NDArray[np.intp], NDArray[np.intp]]]]:
    what = f"splits of task {task.task_id}"
    n_repeats, n_folds, n_samples = client.ask(what, task.get_split_dimensions)
    places = [(repeat, fold, n_samples - 1) for repeat in range(n_repeats) for fold in range(n_folds)]
    folds = []
    for repeat, fold, sample in places:
        train, test = task.get_train_test_split_indices(repeat=repeat, fold=fold, sample=sample)
        folds.append((np.asarray(train, dtype=np.intp), np.asarray(test, dtype=np.intp)))
    return places, folds


def check_key() -> None:
    """Raise an error if the open connection has no key, which publishing needs."""
    if not openml.config.apikey:
        raise OpenMLError(
            "publishing needs your OpenML key, which your OpenML account's page shows;"
            " give it as --api-key or in the environment variable OPENML_APIKEY"
        )


def publish(
    client: OpenMLClient,
    table: TaskTable,
    configuration: Configuration,
    predictions: Sequence[NDArray[Any]],
    classes: Sequence[Any],
    versions: Mapping[str, str],
) -> int:
    """Upload the predictions of a configuration on a task as an OpenML run, with the client's key.

    OpenML needs a description of the program, a *flow*, with each run. The flow is written here, because openml's
    extension for scikit-learn describes only single scikit-learn objects.

    Parameters
    ----------
    predictions : sequence of ndarray
        One array for each of the task's folds: probabilities ``(n_scored, n_classes)``, or numbers ``(n_scored,)``.
    classes : sequence
        Labels of the columns of the probabilities; empty for regression.
    versions : mapping of str to str
        Version of this program, under "cash-automl", and of the libraries that it used.

    Returns
    -------
    int
        Number of the run.

    Raises
    ------
    OpenMLError
        If there is no key, the classes differ from those of the task, or the server refuses the run.
    """
    check_key()
    what = f"run on task {table.number}"
    task = client.task(table.number)
    content = _prediction_rows(task, table, predictions, _labels(table, classes))
    flow = openml.flows.OpenMLFlow(
        name=_FLOW,
        description=_DESCRIPTION,
        model=None,
        components={},
        parameters={"configuration": None},
        parameters_meta_info={"configuration": {"description": "choices by name, as JSON", "data_type": "str"}},
        external_version=f"cash-automl=={versions['cash-automl']}",
        tags=[],
        language="English",
        dependencies="\n".join(f"{name}=={version}" for name, version in sorted(versions.items())),
    )
    client.ask(what, flow.publish)
    setting = {
        "oml:name": "configuration",
        "oml:value": json.dumps(dict(configuration), sort_keys=True),
        "oml:component": flow.flow_id,
    }
    run = openml.runs.OpenMLRun(
        task_id=table.number,
        flow_id=flow.flow_id,
        flow=flow,
        dataset_id=table.dataset_id,
        parameter_settings=[setting],
        data_content=content,
        description_text=_DESCRIPTION,
    )
    client.ask(what, run.publish)
    number = run.run_id
    if number is None:
        raise OpenMLError(f"{what}: the server returned no number for the run")
    return number


def _labels(table: TaskTable, classes: Sequence[Any]) -> list[str]:
    """Return the task's labels in the order of our classes; booleans are spelled as the task spells them."""
    known = {label.lower(): label for label in table.class_labels}
    if len(known) != len(table.class_labels):
        known = {label: label for label in table.class_labels}
    found = [known.get(str(label), known.get(str(label).lower())) for label in classes]
    if set(found) != set(table.class_labels):
        raise OpenMLError(f"task {table.number} has other class labels than the run")
    return [label for label in found if label is not None]


def _prediction_rows(
    task: Any, table: TaskTable, predictions: Sequence[NDArray[Any]], labels: Sequence[str]
) -> list[list[Any]]:
    """Return one row per prediction in the format of OpenML's ARFF file."""
    spelling = {label.lower(): label for label in labels}
    content = []
    for (repeat, fold, sample), (_, rows), predicted in zip(table.places, table.folds, predictions, strict=True):
        for row, values in zip(rows, predicted, strict=True):
            index = int(row)
            if labels:
                true = str(table.y.iloc[index])
                true = true if true in labels else spelling[true.lower()]
                probabilities = {label: float(value) for label, value in zip(labels, values, strict=True)}
                guess = max(probabilities, key=probabilities.__getitem__)
                line = openml.runs.functions.format_prediction(
                    task, repeat, fold, index, guess, true, sample=sample, proba=probabilities
                )
            else:
                line = openml.runs.functions.format_prediction(
                    task, repeat, fold, index, float(values), float(table.y.iloc[index]), sample=sample
                )
            content.append(line)
    return content
