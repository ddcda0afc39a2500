"""The command ``automl predict``; heavy libraries are imported inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from automl.cli.support import (
    Decimal,
    Encoding,
    ModelPath,
    Separator,
    Sheet,
    TablePath,
    check_file,
    file_options,
    load_model,
    messages_on_stderr,
    split_names,
)
from automl.cli.uncertainty import prediction_method
from automl.errors import InvalidInputError


def predict(
    model: ModelPath,
    table: TablePath,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File for the predictions: CSV, JSON lines, Parquet or Feather, by its extension.",
            show_default="standard output, as JSON lines where the table is a file of JSON lines, as CSV otherwise",
        ),
    ] = None,
    proba: Annotated[
        bool, typer.Option("--proba", help="Predict probabilities: a column such as probability_yes for each class.")
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            metavar="LEVEL",
            help="Also write the ends of an interval that holds the true number with this probability, such as 0.9.",
        ),
    ] = None,
    class_set: Annotated[
        float | None,
        typer.Option(
            "--set",
            metavar="LEVEL",
            help="Also write the set of classes that holds the true class with this probability, such as 0.9.",
        ),
    ] = None,
    by_class: Annotated[
        bool, typer.Option("--by-class", help="With --set: the probability holds for the rows of each class.")
    ] = False,
    keep: Annotated[
        list[str],
        typer.Option(
            help="Columns of the table to write before the predictions, separated by commas, or 'all'; may be repeated."
        ),
    ] = [],  # noqa: B006 - typer copies it
    chunk_rows: Annotated[
        int | None,
        typer.Option(min=1, help="Rows in memory at the same time.", show_default="50,000, fewer for wide tables"),
    ] = None,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Predict the target of each row of a table with a saved model; a target column in the table is ignored.

    The table may be larger than the memory. The predictions appear when all rows are predicted.
    """
    options = file_options(encoding, separator, decimal, sheet, table)
    with messages_on_stderr(1):
        from automl.cli.chunks import ChunkedTable, show_rows
        from automl.table_files.writing import check_output, open_writer

        if out is not None:
            check_file("--out", out)
            check_output(out)
        estimator = load_model(model, for_prediction=True)
        method = prediction_method(estimator, model, proba, interval, class_set, by_class)
        source = ChunkedTable(table, estimator, chunk_rows, options)
        kept = None if split_names(keep) == ("all",) else split_names(keep)
        with open_writer(out, table) as writer, show_rows(1) as add:
            n_rows = 0
            for chunk in source.chunks(kept):
                answer = source.predict(chunk, method)
                writer.write(*_beside(chunk.kept, answer))
                n_rows += len(answer)
                add(len(answer))
            if not n_rows:
                raise InvalidInputError(f"'{table}' holds no row to predict")
            source.finish()


def _beside(kept: Any, answer: Any) -> tuple[Any, ...]:
    """Return the parts of the rows to write: the columns to keep, if there are any, and the predictions."""
    names = list(getattr(kept, "column_names", ())) or list(getattr(kept, "columns", ()))
    both = [name for name in names if name in answer.columns]
    if both:
        raise InvalidInputError(
            f"--keep: the table has a column '{both[0]}', as the predictions have; rename it, or do not keep it"
        )
    return (kept, answer) if names else (answer,)
