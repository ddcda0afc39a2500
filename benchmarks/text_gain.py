"""Measure what the columns that the table reader makes from short texts change: one model, several forms of one column.

Each cell (table, fold, system) appends a row to a CSV file of the same columns as `benchmarks.run`; cells in the file
are skipped. At the end, the forms of the column are compared with each other.

Example: python -m benchmarks.text_gain --data DATA --columns restaurant_score:business_name --out texts.csv
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from benchmarks.analyze import errors
from benchmarks.requirements import MissingRequirementError
from benchmarks.result_file import append_row, missing_cells
from benchmarks.run import COLUMNS, METRICS, score
from benchmarks.splits import split
from benchmarks.tables import DataFolder, check_names, read_table, read_tasks
from pipelines.build import build_pipeline, fit_preprocessing
from pipelines.component import FitContext, TableTraits, task_type
from pipelines.space import build_space, complete
from pipelines.table.cells import factorize
from pipelines.table.reader import TableReader
from pipelines.table.texts import CharacterReader, TextReader

HERE = Path(__file__).parent
N_FEATURES = 64  # hashed columns, and components
# LightGBM has a fixed number of rounds, so that a fit takes a second.
MODELS: Mapping[str, Mapping[str, Any]] = {
    "lightgbm": {"model": "lightgbm", "encoding": "native", "imputation": "none", "scaling": "none"},
    "linear": {"encoding": "one_hot", "imputation": "median", "scaling": "robust_clip"},
    "realmlp": {"model": "realmlp"},
}
FORMS = ("codes", "hashed", "components", "codes+components", "hashed+components")
PAIRS = (
    ("components", "codes"),
    ("codes+components", "codes"),
    ("components", "hashed"),
    ("hashed+components", "hashed"),
    ("codes+components", "components"),
    ("hashed+components", "components"),
)


def read_form(form: str, train: pd.Series, test: pd.Series) -> tuple[Any, Any, int]:
    """Return a text column of training and of test rows as numbers, and the number of levels of its codes, or 0."""
    if form == "codes":
        reader = TableReader(columns={"text": "category"})
        found = reader.fit_transform(train.to_frame("text")), reader.transform(test.to_frame("text"))
        return *found, reader.cardinalities_[0]
    texts: Any = TextReader(N_FEATURES)
    if form == "components":
        texts = CharacterReader.learn(factorize(train)[1], N_FEATURES)
    return texts.read(train), texts.read(test), 0


def measure(
    table: pd.DataFrame, column: str, task: str, fold: int, rows: int, system: str, limit: float
) -> dict[str, Any]:
    """Return the score on the test rows of a fold, and the processor seconds of the fit and of the predictions."""
    name, form = system.split(" ")
    table = table.sample(min(rows, len(table)), random_state=0).reset_index(drop=True)
    table[column] = table[column].astype(object)
    train, test = split(table, task, fold)
    reader = TableReader()
    parts = [reader.fit_transform(train.drop(columns=["target", column]))]
    test_parts = [reader.transform(test.drop(columns=["target", column]))]
    categorical, cardinalities = list(reader.categorical_), list(reader.cardinalities_)
    for one in form.split("+"):
        own, own_test, levels = read_form(one, train[column], test[column])
        if levels:
            categorical.append(sum(part.shape[1] for part in parts))
            cardinalities.append(levels)
        parts.append(own)
        test_parts.append(own_test)
    X, X_test = np.hstack(parts), np.hstack(test_parts)
    labels = None if task == "regression" else np.unique(train["target"].astype(str))
    y = train["target"].to_numpy(float) if labels is None else np.searchsorted(labels, train["target"].astype(str))
    n_classes = 0 if labels is None else len(labels)
    traits = TableTraits(
        task_type(n_classes),
        len(X),
        X.shape[1],
        n_classes,
        tuple(categorical),
        tuple(cardinalities),
        has_missing=bool(np.isnan(X).any()),
    )
    model = {"model": "ridge" if labels is None else "logistic_regression", **MODELS[name]}
    configuration = complete(build_space(traits), model)
    assert configuration is not None
    fixed = {"rounds": 150, "learning_rate": 0.1} if name == "lightgbm" else {"time_limit": limit}
    pipeline = build_pipeline(configuration, FitContext(traits, random_state=fold, **fixed))  # type: ignore[arg-type]
    started = time.process_time()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        pipeline[-1].fit(fit_preprocessing(pipeline, configuration, X, y, None), y, sample_weight=None)
        fitted = time.process_time()
        predictions = pipeline.predict(X_test) if labels is None else pipeline.predict_proba(X_test)
    ended = time.process_time()
    value = score(test["target"], predictions, np.empty(0) if labels is None else labels, METRICS[task])
    return {"score": value, "fit_s": fitted - started, "predict_s": ended - fitted, "n_train": len(train)}


def summary(results: pd.DataFrame) -> str:
    """Return a table of the mean log ratios of the errors of two forms, in hundredths, over tables and folds."""
    logs = 100 * np.log(errors(results))
    rows = []
    for name, (form, other) in product(MODELS, PAIRS):
        pair = [f"{name} {form}", f"{name} {other}"]
        if not set(pair) <= set(logs):
            continue
        ratios = (logs[pair[0]] - logs[pair[1]]).dropna()
        means = ratios.groupby("dataset").mean()
        if len(means) > 1:
            noise = means.std() / np.sqrt(len(means))
            found = [len(means), len(ratios), means.mean(), noise, means.median(), int((means < 0).sum())]
            rows.append([name, f"{form} against {other}", *found])
    titles = ["model", "forms", "tables", "folds", "log ratio", "standard error", "median", "tables won"]
    return pd.DataFrame(rows, columns=titles).to_string(index=False, float_format="%.1f")


def main(
    data: DataFolder,
    columns: Annotated[str, typer.Option(help="TABLE:COLUMN, with commas between them.")],
    folds: Annotated[str, typer.Option(help="Numbers with commas, from 0 to 4.")] = "0,1,2",
    models: Annotated[str, typer.Option(help="Names with commas.")] = "lightgbm,linear",
    forms: Annotated[str, typer.Option(help="Names with commas; empty for all.")] = "",
    rows: Annotated[int, typer.Option(help="Longer tables are sampled.")] = 4_000,
    limit: Annotated[float, typer.Option(help="Seconds of a fit of other models than LightGBM.")] = 25.0,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "texts.csv",
) -> None:
    """Measure the cells that the file lacks, and print the comparison."""
    tasks = read_tasks(data)
    pairs = [tuple(pair.split(":")) for pair in columns.split(",")]
    if any(len(pair) != 2 for pair in pairs):
        raise MissingRequirementError("columns must be pairs TABLE:COLUMN, with commas between them")
    check_names([pair[0] for pair in pairs], list(tasks), f"in the index of '{data}'", "table")
    chosen = [form for form in forms.split(",") if form] or list(FORMS)
    check_names(models.split(","), list(MODELS), "in this benchmark", "model")
    check_names(chosen, FORMS, "in this benchmark", "form")
    columns_of = {pair[0]: pair[1] for pair in pairs}
    named = [f"{model} {form}" for model, form in product(models.split(","), chosen)]
    cells = product(map(int, folds.split(",")), columns_of, named)
    for fold, name, system in missing_cells(out, ["fold", "dataset", "system"], cells):
        measured = measure(read_table(data, name), columns_of[name], tasks[name], fold, rows, system, limit)
        row = {"dataset": name, "task": tasks[name], "fold": fold, "system": system, "metric": METRICS[tasks[name]]}
        append_row(out, {**row, **measured, "cores": 1, "date": f"{datetime.now(UTC):%Y-%m-%d}"}, COLUMNS)
        print(f"{name}, fold {fold}, {system}: {measured['score']:.5g} in {measured['fit_s']:.2f} s", flush=True)
    if out.exists():
        print(summary(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
