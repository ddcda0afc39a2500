"""The command ``automl score``: the usual metrics on a table with known labels, beside the expected score."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.cli.support import (
    Decimal,
    Encoding,
    ModelPath,
    Separator,
    Sheet,
    TablePath,
    file_options,
    load_model,
    messages_on_stderr,
    within,
    write_note,
)
from automl.cli.true_values import true_values
from automl.errors import InvalidInputError
from automl.plurals import plural, short_number
from automl.table_files.target import find_label, similar_columns

if TYPE_CHECKING:
    from rich.table import Table

    from automl.base import BaseAutoML
    from automl.cli.chunks import ChunkedTable
    from automl.table_files.reading import Chunk
    from automl.usual_metrics.scores import Scored


def score(
    model: ModelPath,
    table: TablePath,
    target: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN",
            help="Column with the true values; several targets are found by their names.",
            show_default="the only column that the training table did not have",
        ),
    ] = [],  # noqa: B006 - typer copies it
    positive: Annotated[
        str | None,
        typer.Option(
            "--positive-label",
            "--positive",
            metavar="CLASS",
            help="The class of interest of two classes.",
            show_default="the one of the model",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
    chunk_rows: Annotated[
        int | None,
        typer.Option(
            callback=within(1), help="Rows in memory at the same time.", show_default="50,000, fewer for wide tables"
        ),
    ] = None,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Score a saved model on a table with known labels: the usual metrics with 95 % intervals.

    The intervals come from bootstrap samples of the rows. The score that the model expected stands beside the metric
    that the search has optimized.
    """
    options = file_options(encoding, separator, decimal, sheet, table)
    with messages_on_stderr(1):
        from automl.cli.target_scores import score_targets
        from automl.usual_metrics.scores import evaluate

        estimator = load_model(model)
        each: dict[str, list[Scored]] = {}
        if estimator._ensemble.targets is not None:
            if positive is not None:
                raise InvalidInputError("--positive is for one target of two classes; leave it out for several targets")
            n_rows, whole, each = score_targets(estimator, table, target, chunk_rows, options)
            results = [] if whole is None else [whole]
        else:
            positive_label = _positive_label(estimator, positive)
            y, answers = _predict(estimator, table, _only(target), chunk_rows, options)
            n_rows, results = len(y), evaluate(estimator, y, answers, write_note, positive_label)
    expected = _expected(estimator)
    if as_json:
        content = _as_json(results, expected, n_rows)
        if each:
            content["targets"] = {name: _as_json(own, None, n_rows)["metrics"] for name, own in each.items()}
        typer.echo(json.dumps(content, indent=2, allow_nan=False))
    else:
        _show(results, expected, n_rows, each)


def _only(target: list[str]) -> str | None:
    """Return the only name of ``--target``, or None without one."""
    if len(target) > 1:
        raise InvalidInputError(f"--target: the model has one target, but {len(target)} columns are named; name one")
    return target[0] if target else None


def _positive_label(estimator: BaseAutoML, positive: str | None) -> Any:
    """Return the class that ``--positive`` names, or None."""
    import pandas as pd

    if positive is None:
        return None
    classes = getattr(estimator, "classes_", ())
    if len(classes) != 2:
        raise InvalidInputError("--positive is for models of two classes; leave it out")
    return find_label(pd.Series(list(classes)), positive, "--positive")


def _predict(
    estimator: BaseAutoML, path: Path, target: str | None, chunk_rows: int | None, options: Any
) -> tuple[Any, dict[str, Any]]:
    """Return the true values, and the answers of the estimator by method. Each chunk is read and predicted once."""
    import numpy as np
    import pandas as pd

    from automl.cli.chunks import ChunkedTable, show_rows
    from automl.cli.seen_rows import SeenRows

    source, seen = ChunkedTable(path, estimator, chunk_rows, options), SeenRows(estimator)
    truth: list[Any] = []
    parts: list[dict[str, Any]] = []
    with show_rows(1) as add:
        for chunk, known, values, _ in labeled_chunks(source, estimator, path, target, options):
            rows, predictions = source.predict(chunk, estimator._read_and_predict)
            truth.append(values)
            parts.append({name: answer[known] for name, answer in _answers(estimator, predictions).items()})
            seen.add(rows[known], values)
            add(len(known))
        source.finish()
    seen.show()
    return pd.concat(truth).to_numpy(), {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _answers(estimator: BaseAutoML, predictions: Any) -> dict[str, Any]:
    """Return the answers of the methods of the estimator, from the predictions of its ensemble."""
    from automl.fitted.several_targets import predicted_labels

    ensemble = estimator._ensemble
    if estimator._is_classifier:
        labels = predicted_labels(ensemble, predictions, estimator.classes_)
        return {"predict": labels, "predict_proba": predictions}
    quantiles = {"predict_quantiles": predictions} if ensemble.quantiles else {}
    return {"predict": ensemble.values(predictions), **quantiles}


def labeled_chunks(
    source: ChunkedTable, estimator: BaseAutoML, path: Path, target: str | None, options: Any
) -> Iterator[tuple[Chunk, Any, Any, str]]:
    """Yield the chunks of a table, each with a mask of the rows with a label, their labels, and the target's name.

    Raises
    ------
    InvalidInputError
        If the target is not found, a label is no class of the model, or no row has a label.
    """
    import numpy as np

    classes = getattr(estimator, "classes_", None)
    are_texts = classes is not None and all(isinstance(label, str) for label in classes)
    column = _guess_target(estimator, path, options) if target is None else target
    n_known, n_empty = 0, 0
    for chunk in source.chunks(texts=[column] if are_texts else (), numbers=[column] if classes is None else ()):
        if column not in chunk.table.columns:
            shown = similar_columns(column, chunk.table.columns)
            raise InvalidInputError(f"--target: '{path}' has no column '{column}'; it has {shown}")
        labels = chunk.table[column]
        known = labels.notna().to_numpy()
        n_known, n_empty = n_known + int(known.sum()), n_empty + int((~known).sum())
        rows = chunk.first_row + np.flatnonzero(known)
        yield chunk, known, true_values(labels[known], classes, path, rows), column
    if n_empty:
        write_note(f"left out {plural(n_empty, 'row')} without a value of '{column}'")
    if not n_known:
        raise InvalidInputError(f"'{path}' holds no row with a known label")


def _guess_target(estimator: BaseAutoML, path: Path, options: Any) -> str:
    """Return the only column that the model does not know, before any column is read as numbers or texts.

    Raises
    ------
    InvalidInputError
        If there is not exactly one such column, or the table holds no row.
    """
    from automl.table_files.reading import read_chunks

    first = next(read_chunks(path, 1, options), None)
    if first is None:
        raise InvalidInputError(f"'{path}' holds no row with a known label")
    known = set(getattr(estimator, "feature_names_in_", ()))
    others = [str(name) for name in first.table.columns if name not in known]
    if len(others) != 1:
        found = f"{', '.join(map(repr, others[:5]))} may be it" if others else "it has only columns of the model"
        raise InvalidInputError(f"--target: name the column of '{path}' with the true values; {found}")
    return others[0]


def _expected(estimator: BaseAutoML) -> Any:
    """Return the estimate of the score on new rows, or None where the model has none."""
    return getattr(estimator, "estimate_", None)


def _as_json(results: list[Scored], expected: Any, n_rows: int) -> dict[str, Any]:
    from automl.usual_metrics.scores import LEVEL

    return {
        "n_rows": n_rows,
        "level": LEVEL,
        "metrics": {
            one.name: {
                "score": one.score,
                "low": _finite(one.low),
                "high": _finite(one.high),
                "expected": _forecast(one, expected),
            }
            for one in results
        },
    }


def _finite(value: float) -> float | None:
    """Return a value that JSON can hold: None for NaN, the end of an interval that is not known."""
    return value if math.isfinite(value) else None


def _forecast(one: Scored, expected: Any) -> dict[str, float | None] | None:
    """Return the expected score of the metric that the search has optimized, with the sign of the metric; else None."""
    if expected is None or not one.is_optimized or not math.isfinite(expected.score):
        return None
    low, high = sorted((one.sign * float(expected.low), one.sign * float(expected.high)))
    score, level = one.sign * float(expected.score), float(expected.level)
    return {"score": score, "low": _finite(low), "high": _finite(high), "level": level}


def _show(results: list[Scored], expected: Any, n_rows: int, each: dict[str, list[Scored]]) -> None:
    """Print the metrics of the model, and those of each of several targets."""
    from rich.console import Console

    console = Console()
    console.print(
        f"{plural(n_rows, 'row')}; the search has optimized the metric with an expected score", highlight=False
    )
    if results:
        console.print(_table(results, expected, with_expected=True))
    for name, own in each.items():
        console.print(f"target '{name}'", highlight=False, markup=False)
        console.print(_table(own, None, with_expected=False))


def _table(results: list[Scored], expected: Any, with_expected: bool) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from automl.task.metric_words import MetricWords
    from automl.usual_metrics.scores import LEVEL

    heads = ["metric", "score", f"{LEVEL:.0%} interval", *(["expected by the model"] if with_expected else [])]
    table = Table(*heads)
    for one in results:
        shown = _forecast(one, expected)
        forecast = ""
        if shown is not None:
            forecast = f"{short_number(one.sign * expected.score)} ({_interval(shown['low'], shown['high'])})"
        ends = _interval(_finite(one.low), _finite(one.high))
        name = MetricWords.of(one.name, one.of_class).name
        table.add_row(escape(name), short_number(one.score), ends, *([forecast] if with_expected else []))
    return table


def _interval(low: float | None, high: float | None) -> str:
    return "no interval" if low is None or high is None else f"{short_number(low)} to {short_number(high)}"
