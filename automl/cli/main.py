"""The command ``automl``: fit models to tables in files, predict with them, and show what a search has tried.

The commands import heavy libraries inside their functions, so that ``automl --help`` answers at once.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import automl
from automl.cli import meta
from automl.cli.benchmark import benchmark
from automl.cli.export import export
from automl.cli.jobs import app as jobs_app
from automl.cli.predict import predict
from automl.cli.refit import refit
from automl.cli.score import score
from automl.cli.serve import package, serve
from automl.cli.slim import slim
from automl.cli.support import (
    MOST_SEED,
    POSITIVE_HELP,
    Decimal,
    Encoding,
    ModelPath,
    Separator,
    Sheet,
    TablePath,
    column_kinds,
    file_options,
    load_model,
    messages_on_stderr,
    split_names,
    write_message,
)
from automl.errors import AutoMLError, InvalidInputError
from automl.task.target import TaskName, find_label, guess_task, split_target
from pipelines.libraries import MissingLibraryError

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(jobs_app, name="jobs")

app.add_typer(meta.app, name="meta")

app.command()(benchmark)

app.command()(predict)

app.command()(score)

app.command()(serve)

app.command()(package)

app.command()(refit)
app.command()(slim)

app.command()(export)

_ROWS_SHOWN = 10


class Problem(StrEnum):
    """The kinds of targets; each kind has a search space of its own."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"automl {automl.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Search for the best machine learning pipelines for a table, and combine them in an ensemble."""


@app.command()
def fit(
    table: TablePath,
    target: Annotated[str, typer.Option(help="Name of the column to predict.")],
    out: Annotated[Path, typer.Option(help="Folder in which the model is saved.")] = Path("model"),
    time_budget: Annotated[float, typer.Option(help="Seconds for the whole fit, including the ensemble.")] = 60.0,
    max_trials: Annotated[int | None, typer.Option(min=1, help="Stop after this number of configurations.")] = None,
    scoring: Annotated[
        str | None,
        typer.Option(
            help="Name of the scikit-learn scorer to optimize. The default is roc_auc for two classes, neg_log_loss "
            "for more classes, and neg_root_mean_squared_error for regression."
        ),
    ] = None,
    positive: Annotated[str | None, typer.Option(help=POSITIVE_HELP)] = None,
    task: Annotated[
        TaskName, typer.Option(help="Kind of prediction; 'auto' chooses it by the values of the target.")
    ] = TaskName.AUTO,
    max_predict_milliseconds: Annotated[
        float | None, typer.Option(help="The longest time in which the model may predict a single row.")
    ] = None,
    n_jobs: Annotated[int, typer.Option(help="Number of cores to use; -1 means all cores.")] = -1,
    seed: Annotated[int | None, typer.Option(min=0, max=MOST_SEED, help="Seed of all random numbers.")] = None,
    include: Annotated[
        list[str],
        typer.Option(
            help="Use only these components, separated by commas; may be repeated. 'automl space' lists all components."
        ),
    ] = [],  # noqa: B006 - typer copies it
    exclude: Annotated[
        list[str], typer.Option(help="Do not use these components, separated by commas; may be repeated.")
    ] = [],  # noqa: B006
    categorical: Annotated[
        list[str], typer.Option(help="Columns to read as categories, separated by commas; may be repeated.")
    ] = [],  # noqa: B006
    text: Annotated[
        list[str], typer.Option(help="Columns to read as free texts, separated by commas; may be repeated.")
    ] = [],  # noqa: B006
    drop: Annotated[list[str], typer.Option(help="Columns to leave out, separated by commas; may be repeated.")] = [],  # noqa: B006
    verbose: Annotated[
        int,
        typer.Option(
            min=0, help="0 writes no messages, 1 writes the main messages, 2 also messages about single trials."
        ),
    ] = 1,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Search for the best ensemble of pipelines for a table, and save the ensemble as a model."""
    with messages_on_stderr(verbose):
        from automl.estimator import AutoMLClassifier, AutoMLRegressor
        from automl.persistence import check_place
        from automl.task.files import read_table

        check_place(out)
        rows = read_table(table, file_options(encoding, separator, decimal, sheet), target=target)
        X, y = split_target(rows, target, table, "--target")
        kind, why = guess_task(y) if task is TaskName.AUTO else (task, "set by --task")
        write_message(verbose, f"{len(X)} rows, {X.shape[1]} columns; {kind} of '{target}' ({why})")
        if positive is not None and kind is not TaskName.CLASSIFICATION:
            raise InvalidInputError(f"--positive: '{target}' holds numbers, not classes; leave out --positive")
        make = AutoMLClassifier if kind is TaskName.CLASSIFICATION else AutoMLRegressor
        estimator = make(
            time_budget=time_budget,
            max_trials=max_trials,
            max_predict_milliseconds=max_predict_milliseconds,
            scoring=scoring,
            n_jobs=n_jobs,
            include=split_names(include),
            exclude=split_names(exclude),
            columns=column_kinds(categorical, text, drop),
            random_state=seed,
            verbose=verbose,
        )
        if positive is not None:
            estimator.set_params(positive_label=find_label(y, positive, "--positive"))
        estimator.fit(X, y)
        estimator.save(out)
        if verbose:
            typer.echo(_render(estimator.leaderboard_, _ROWS_SHOWN))
        write_message(verbose, f"saved to '{out}'")


@app.command()
def leaderboard(
    model: ModelPath,
    rows: Annotated[int, typer.Option(min=1, help="Number of configurations to show.")] = 20,
    csv: Annotated[bool, typer.Option("--csv", help="Write all rows and columns as CSV.")] = False,
) -> None:
    """Show the configurations that the search for a saved model has tried, the best first."""
    board = load_model(model).leaderboard_
    if csv:
        board.to_csv(sys.stdout, index=False)
    else:
        typer.echo(_render(board, rows))


@app.command()
def space(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
    problem: Annotated[Problem, typer.Option("--task", help="Kind of target.")] = Problem.BINARY,
) -> None:
    """Show the size and the components of the search space for a table with numbers, categories and missing values."""
    from pipelines.libraries import install
    from pipelines.space import RICH_TABLES, build_space, summarize, unavailable_components

    size = summarize(build_space(RICH_TABLES[problem.value]))
    missing = unavailable_components(RICH_TABLES[problem.value])
    if as_json:
        typer.echo(json.dumps({**size, "missing_libraries": missing}, indent=2))
    else:
        typer.echo(f"{size['n_hyperparameters']} hyperparameters, {size['n_families']} model families:")
        typer.echo("\n".join(f"  {family}" for family in size["families"]))
        typer.echo("steps before and after the model, each with its components, or none of them:")
        typer.echo("\n".join(f"  {step}: {', '.join(names)}" for step, names in size["steps"].items()))
        for library, names in missing.items():
            typer.echo(f"left out, because {library} is not installed: {', '.join(names)}; {install(library)}")


def main() -> None:
    """Run the command line. An error that the user can fix is one line on standard error, with exit code 2."""
    try:
        app(prog_name="automl")
    except (AutoMLError, MissingLibraryError) as error:
        typer.echo(f"automl: {' '.join(str(error).split())}", err=True)
        sys.exit(2)


def _render(board: pd.DataFrame, rows: int) -> str:
    """Return the leaderboard as plain text, without the columns that only programs use."""
    shown = board.head(rows).drop(columns=["origin", "reason"], errors="ignore").copy()
    formats: dict[str, Any] = {
        "score": "{:.4f}".format,
        "std": "{:.4f}".format,
        "seconds": "{:.2f}".format,
        "weight": "{:.2f}".format,
    }
    for column in set(formats) & set(shown.columns):
        shown[column] = [formats[column](value) for value in shown[column]]
    shown.insert(0, "rank", range(1, len(shown) + 1))
    more = f"\n... and {len(board) - rows} more" if len(board) > rows else ""
    return shown.to_string(index=False) + more
