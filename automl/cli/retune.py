"""The command ``automl retune``: a short search on old and new rows that starts with a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.cli.support import (
    Decimal,
    Encoding,
    Groups,
    ModelPath,
    Separator,
    Sheet,
    TablePath,
    Time,
    Weight,
    check_needed,
    file_options,
    load_model,
    messages_on_stderr,
    read_labeled,
    split_weight_and_groups,
    unsaved_if_interrupted,
    write_message,
)

if TYPE_CHECKING:
    from automl.base import BaseAutoML
    from automl.table_files.text import FileOptions


def retune(
    model: ModelPath,
    table: TablePath,
    old: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="File with old rows, such as the training table: the search uses both."),
    ] = None,
    target: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN",
            help="Name of the column to predict; may be repeated for several targets.",
            show_default="the target of the model",
        ),
    ] = [],  # noqa: B006 - typer copies it
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder in which the new model is saved. If it is the folder of the old model, only a model that is "
            "clearly better takes its place.",
            show_default="the new model is not saved",
        ),
    ] = None,
    time_budget: Annotated[float, typer.Option(help="Seconds that the whole command may take.")] = 60.0,
    max_trials: Annotated[
        int | None, typer.Option(min=1, help="Stop the search after this number of configurations.")
    ] = None,
    time: Time = None,
    weight: Weight = None,
    groups: Groups = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Save the training rows with the new model, for 'automl refit'.")
    ] = False,
    verbose: Annotated[int, typer.Option(min=0, help="0 writes no messages, 1 writes the main messages.")] = 1,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Search for a short time on old and new rows, starting with a saved model, and compare both on the newest rows.

    The newest third of the new rows is held out for the comparison. Without --time, these are the last rows of the
    file. At last, the new model is trained on all rows.
    """
    options = file_options(encoding, separator, decimal, sheet, table, old)
    if out is None:
        check_needed("--out, the folder in which the new model is saved", {"--rows": rows})
    with messages_on_stderr(verbose):
        with unsaved_if_interrupted():
            from automl.persistence import check_place

            if out is not None:
                check_place(out)
            estimator = load_model(model)
            layout = estimator._ensemble.targets
            names = target or ([estimator._target_name or "target"] if layout is None else list(layout.names))
            X, y, given = _read(estimator, table, names, weight, groups, options)
            if old is not None:
                X_old, y_old, of_old = _read(estimator, old, names, weight, groups, options)
                given |= {"X_old": X_old, "y_old": y_old} | {f"{name}_old": values for name, values in of_old.items()}
            own = estimator.verbose
            estimator.set_params(verbose=verbose)
            new = estimator.retune(X, y, **given, time=time, seconds=time_budget, max_trials=max_trials)
        new.set_params(verbose=own)
        typer.echo(str(new.retune_report_))
        if out is None:
            write_message(verbose, "the new model is not saved; name a folder with --out to keep it")
        elif out.resolve() == model.resolve() and not new.retune_report_.is_better:
            write_message(1, f"the old model stays in '{out}', because the new one is not clearly better")
        else:
            new.save(out, rows=rows)
            write_message(verbose, f"saved to '{out}'")


def _read(
    estimator: BaseAutoML, path: Path, targets: list[str], weight: str | None, groups: str | None, options: FileOptions
) -> tuple[Any, Any, dict[str, Any]]:
    """Return the table, the target and the weights and groups of a file."""
    X, y = read_labeled(estimator, path, targets, options)
    X, found = split_weight_and_groups(X, weight, groups, path)
    return X, y, found
