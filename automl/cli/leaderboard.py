"""The command ``automl leaderboard``, and the text of a leaderboard."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.cli.support import (
    Decimal,
    Encoding,
    ModelPath,
    Separator,
    Sheet,
    check_needed,
    file_options,
    load_model,
    messages_on_stderr,
)
from automl.plurals import plural, short_number

if TYPE_CHECKING:
    import pandas as pd

    from automl.base import BaseAutoML


def _score(value: float) -> str:
    """Return a score with four decimals, or without decimals if it is large."""
    return short_number(value) if abs(value) >= 1000 else f"{value:.4f}"


_FORMATS: dict[str, Any] = {
    "score": _score,
    "test_score": _score,
    "std": _score,
    "seconds": "{:.2f}".format,
    "predict_milliseconds": lambda value: short_number(value, 2),
    "weight": "{:.2f}".format,
}
_HEADS = {"predict_milliseconds": "ms/1000 rows", "test_score": "test score"}
_HIDDEN = ["origin", "reason"]  # only for programs
_MAX_WIDTH = 60  # characters of the hyperparameters


def leaderboard(
    model: ModelPath,
    rows: Annotated[int, typer.Option(min=1, help="Number of configurations to show.")] = 20,
    test: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE", help="Table with known labels: adds the scores of the ensemble's members on its rows."
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Column of --test with the true values.",
            show_default="the only column that the training table did not have",
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write all rows and columns as CSV.")] = False,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Show the expected score of a saved model, and the configurations that its search has tried, the best first."""
    from automl.expected_score import known_estimate

    options = file_options(encoding, separator, decimal, sheet, test)
    if test is None:
        check_needed("--test, a table with known labels", {"--target": target}, options)
    with messages_on_stderr(1):
        estimator = load_model(model)
        board, tested = estimator.leaderboard_, ""
        if test is not None:
            board, tested = _with_test(estimator, test, target, options)
    if csv:
        board.to_csv(sys.stdout, index=False)
        return
    known_estimate(estimator)  # a model that was fitted in a short time may not have it yet
    typer.echo(render(estimator, board, rows, tested))


def render(estimator: BaseAutoML, board: pd.DataFrame, rows: int, tested: str = "", with_expected: bool = True) -> str:
    """Return the leaderboard as plain text: the expected score, the metric and its direction, and the first rows.

    A sentence about the gain of a longer search is added where it is known.

    Parameters
    ----------
    tested : str
        A line about the score on test rows.
    with_expected : bool
        Whether the first line is the expected score.
    """
    from automl.expected_score import expected_score_line
    from automl.fitted.costs import costs_line
    from automl.fitted.score_over_time import further_gain_sentence
    from automl.trials.leaderboard import order_note
    from automl.trials.trial_costs import cut_fits_text, worker_seconds

    spent = worker_seconds(estimator.history_, {})
    lines = [
        expected_score_line(estimator) if with_expected else "",
        further_gain_sentence(estimator),
        _scores_by_metric(estimator),
        tested,
        cut_fits_text(spent) if any(row.n_cut for row in spent) else "",
        estimator._metric.words.scores_text,
        order_note(board),
    ]
    return "\n".join(filter(None, [*lines, render_rows(board, rows), costs_line(estimator)]))


def _scores_by_metric(estimator: BaseAutoML) -> str:
    """Return a line with the scores of the ensemble, if several metrics are recorded."""
    from automl.fitted.metric_scores import classes_of_scores

    scores = vars(estimator).get("_metric_scores") or ()
    if len(scores) < 2:
        return ""
    shown = [
        f"{name} of {of_class} {_score(score)}" if of_class else f"{name} {_score(score)}"
        for (name, score, _), of_class in zip(scores, classes_of_scores(estimator), strict=True)
    ]
    return f"out-of-fold scores of the ensemble: {', '.join(shown)}"


def render_rows(board: pd.DataFrame, rows: int) -> str:
    """Return the first rows of a leaderboard as plain text, without the columns that only programs use."""
    shown = board.head(rows).drop(columns=_HIDDEN, errors="ignore").copy()
    for column in shown.select_dtypes("float"):
        write = _FORMATS.get(str(column), _score)  # a column that is not listed holds the scores by a recorded metric
        shown[column] = ["" if math.isnan(value) else write(value) for value in shown[column]]
    texts = [text if len(text) <= _MAX_WIDTH else f"{text[: _MAX_WIDTH - 3]}..." for text in shown["hyperparameters"]]
    shown["hyperparameters"] = texts
    shown.insert(0, "rank", range(1, len(shown) + 1))
    shown = shown[[*(name for name in shown.columns if name not in ("hyperparameters", "id")), "id", "hyperparameters"]]
    width = max(map(len, [*texts, "hyperparameters"]))
    shown["hyperparameters"] = [text.ljust(width) for text in texts]
    shown = shown.rename(columns={**_HEADS, "hyperparameters": "hyperparameters".ljust(width)})
    printed = "\n".join(line.rstrip() for line in shown.to_string(index=False).splitlines())
    return printed + (f"\n... and {len(board) - rows} more" if len(board) > rows else "")


def _with_test(estimator: BaseAutoML, path: Path, target: str | None, options: Any) -> tuple[pd.DataFrame, str]:
    """Return the leaderboard with scores on a labeled table, and a line with the score of the whole ensemble."""
    import numpy as np
    import pandas as pd

    from automl.cli.chunks import ChunkedTable
    from automl.cli.score import labeled_chunks
    from automl.cli.target_scores import labeled_targets

    source = ChunkedTable(path, estimator, None, options)
    tables, truth = [], []
    layout = estimator._ensemble.targets
    if layout is None:
        for chunk, known, values, column in labeled_chunks(source, estimator, path, target, options):
            tables.append(chunk.table[known].drop(columns=column))
            truth.append(values)
        y: Any = pd.concat(truth).to_numpy()
        if hasattr(estimator, "classes_"):
            y = np.array(y.tolist(), dtype=estimator.classes_.dtype)
    else:
        given = () if target is None else (target,)
        for chunk, known, values in labeled_targets(source, estimator, path, given):
            tables.append(chunk.table[known].drop(columns=list(layout.names)))
            truth.append(values)
        y = pd.concat(truth, ignore_index=True)
    X = pd.concat(tables)
    board = estimator.score_members(X, y)
    words = estimator._metric.words
    score = float(estimator.scorer_(estimator, X, y))
    return board, f"{words.name} of the ensemble on {plural(len(y), 'test row')}: {words.text(score)}"
