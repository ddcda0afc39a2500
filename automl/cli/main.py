"""The command ``automl``: fit, predict and look at models, on tables in files.

Heavy libraries are imported inside the commands, so that ``automl --help`` answers at once.
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
from automl.cli.jobs import app as jobs_app
from automl.cli.support import say, speaking, split_names
from automl.errors import AutoMLError, InvalidInputError
from automl.task.target import TaskName, guess_task, split_target

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

_ROWS_SHOWN = 10


class Problem(StrEnum):
    """Kinds of tables whose search spaces differ."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


TablePath = Annotated[Path, typer.Argument(metavar="TABLE", help="CSV (also packed) or Parquet file.")]
ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder written by 'automl fit'.")]


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
    target: Annotated[str, typer.Option(help="Column to predict.")],
    out: Annotated[Path, typer.Option(help="Folder to save the model in.")] = Path("model"),
    time_budget: Annotated[float, typer.Option(help="Seconds for everything, from the data to the ensemble.")] = 60.0,
    max_trials: Annotated[int | None, typer.Option(help="End after so many configurations.")] = None,
    scoring: Annotated[str | None, typer.Option(help="Name of a scikit-learn scorer.")] = None,
    task: Annotated[TaskName, typer.Option(help="What is predicted; 'auto' looks at the target.")] = TaskName.AUTO,
    n_jobs: Annotated[int, typer.Option(help="Processes; -1 for as many as there are cores.")] = -1,
    seed: Annotated[int | None, typer.Option(help="Seed of all randomness.")] = None,
    include: Annotated[str, typer.Option(help="Only these components, separated by commas.")] = "",
    exclude: Annotated[str, typer.Option(help="Not these components, separated by commas.")] = "",
    verbose: Annotated[int, typer.Option(min=0, help="0 is silent, 2 tells more.")] = 1,
) -> None:
    """Search for the best ensemble of pipelines for a table, and save it."""
    with speaking(verbose):
        from automl.estimator import AutoMLClassifier, AutoMLRegressor
        from automl.persistence import check_place
        from automl.task.files import read_table

        check_place(out)
        X, y = split_target(read_table(table), target, table, "--target")
        kind, why = guess_task(y) if task is TaskName.AUTO else (task, "as asked for")
        say(verbose, f"{len(X)} rows, {X.shape[1]} columns; {kind} of '{target}' ({why})")
        make = AutoMLClassifier if kind is TaskName.CLASSIFICATION else AutoMLRegressor
        estimator = make(
            time_budget=time_budget,
            max_trials=max_trials,
            scoring=scoring,
            n_jobs=n_jobs,
            include=split_names(include),
            exclude=split_names(exclude),
            random_state=seed,
            verbose=verbose,
        )
        estimator.fit(X, y)
        estimator.save(out)
        if verbose:
            typer.echo(_render(estimator.leaderboard_, _ROWS_SHOWN))
        say(verbose, f"saved to '{out}'")


@app.command()
def predict(
    model: ModelPath,
    table: TablePath,
    out: Annotated[Path | None, typer.Option(help="CSV or Parquet file; standard output if not given.")] = None,
    proba: Annotated[bool, typer.Option("--proba", help="Probabilities, one column for each class.")] = False,
) -> None:
    """Predict for each row of a table; the target may be among its columns or not."""
    import pandas as pd

    from automl.persistence import load
    from automl.task.files import check_ending, read_table, write_table

    if out is not None:
        check_ending(out)
    estimator = load(model)
    X = read_table(table)
    if not proba:
        answer = pd.DataFrame({"prediction": estimator.predict(X)})
    elif hasattr(estimator, "predict_proba"):
        answer = pd.DataFrame(estimator.predict_proba(X), columns=[str(label) for label in estimator.classes_])
    else:
        raise InvalidInputError(f"'{model}' predicts a quantity and has no probabilities; leave out --proba")
    if out is None:
        answer.to_csv(sys.stdout, index=False)
    else:
        write_table(answer, out)


@app.command()
def leaderboard(
    model: ModelPath,
    rows: Annotated[int, typer.Option(min=1, help="How many to show, best first.")] = 20,
    csv: Annotated[bool, typer.Option("--csv", help="All rows and columns, as CSV.")] = False,
) -> None:
    """Show what a saved model tried, best first."""
    from automl.persistence import load

    board = load(model).leaderboard_
    if csv:
        board.to_csv(sys.stdout, index=False)
    else:
        typer.echo(_render(board, rows))


@app.command()
def space(
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    problem: Annotated[Problem, typer.Option("--task", help="For which kind of table.")] = Problem.BINARY,
) -> None:
    """Say how large the search space is, for a table with numbers, categories and missing cells."""
    from pipelines.space import RICH_TABLES, build_space, describe

    said = describe(build_space(RICH_TABLES[problem.value]))
    if as_json:
        typer.echo(json.dumps(said, indent=2))
    else:
        typer.echo(f"{said['n_hyperparameters']} hyperparameters, {said['n_families']} model families:")
        typer.echo("\n".join(f"  {family}" for family in said["families"]))
        typer.echo("what comes before and after them, each step or none of it:")
        typer.echo("\n".join(f"  {step}: {', '.join(names)}" for step, names in said["steps"].items()))


def main() -> None:
    """Run the command line; what users can mend is one line on standard error and exit code 2."""
    try:
        app(prog_name="automl")
    except AutoMLError as error:
        typer.echo(f"automl: {' '.join(str(error).split())}", err=True)
        sys.exit(2)


def _render(board: pd.DataFrame, rows: int) -> str:
    """The leaderboard in plain text, without what is only for machines."""
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
