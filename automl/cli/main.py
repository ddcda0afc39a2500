"""The command ``automl`` with all its subcommands.

The commands import heavy libraries inside their functions, so that ``automl --help`` answers at once.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import automl
from automl.cli import meta
from automl.cli.advise import advise
from automl.cli.benchmark import benchmark
from automl.cli.drift import drift
from automl.cli.drop import drop
from automl.cli.export import export
from automl.cli.fit import fit
from automl.cli.jobs import app as jobs_app
from automl.cli.leaderboard import leaderboard
from automl.cli.option_names import name_options, options_of_command, suggest_option
from automl.cli.predict import predict
from automl.cli.refit import refit
from automl.cli.report import report
from automl.cli.retune import retune
from automl.cli.score import score
from automl.cli.serve import package, serve
from automl.cli.slim import slim
from automl.cli.stop import stop
from automl.cli.support import clear_errors_of_standard_output, one_line_if_interrupted
from automl.cli.watch import watch
from automl.errors import AutoMLError
from automl.progress.wording import WORDING
from pipelines.libraries import MissingLibraryError


class _Commands(TyperGroup):
    """All commands; Ctrl-C ends each of them in the same way."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; ``--help`` is written here."""
        with one_line_if_interrupted():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        with one_line_if_interrupted():
            try:
                result = super().invoke(ctx)
                sys.stdout.flush()  # while an error of it can still become a clear one
                return result
            except Exception as error:  # typer does not export the class of the error about an option
                suggest_option(error)
                raise


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_ONE_MODEL, _MANY, _SEARCH = "One model", "Many tables", "The search"  # groups of commands in --help

for command in (advise, fit, predict, score, report, leaderboard, drift, refit, retune, slim, export, serve, package):
    app.command(rich_help_panel=_ONE_MODEL)(command)
app.command(rich_help_panel=_MANY)(benchmark)
app.add_typer(jobs_app, name="jobs", rich_help_panel=_MANY)
app.command(rich_help_panel=_SEARCH)(watch)
app.command(rich_help_panel=_SEARCH)(stop)
app.command(rich_help_panel=_SEARCH)(drop)
app.add_typer(meta.app, name="meta", rich_help_panel=_SEARCH)


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
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Search for the best machine learning pipelines for a table, and combine them in an ensemble."""
    WORDING.set(partial(name_options, options=options_of_command(context)))


@app.command(rich_help_panel=_SEARCH)
def space(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
    problem: Annotated[Problem, typer.Option("--task", help="Kind of target.")] = Problem.BINARY,
    full: Annotated[
        bool, typer.Option("--full", help="List every hyperparameter with its range, condition and default.")
    ] = False,
) -> None:
    """Show the size and the components of the search space for a table with numbers, categories and missing values."""
    from pipelines.libraries import install
    from pipelines.rich_tables import RICH_TABLES, RICH_TABLES_OF_SEVERAL_TARGETS
    from pipelines.space import build_space, summarize, unavailable_components

    if full:
        from automl.cli.space import list_space

        typer.echo(list_space(problem.value, as_json))
        return
    size = summarize(build_space(RICH_TABLES[problem.value]))
    several = summarize(build_space(RICH_TABLES_OF_SEVERAL_TARGETS[problem.value]))["steps"]
    several = {step: names for step, names in several.items() if step not in size["steps"]}
    missing = unavailable_components(RICH_TABLES[problem.value])
    if as_json:
        typer.echo(json.dumps({**size, "steps_of_several_targets": several, "missing_libraries": missing}, indent=2))
    else:
        typer.echo(f"{size['n_hyperparameters']} hyperparameters, {size['n_families']} model families:")
        typer.echo("\n".join(f"  {family}" for family in size["families"]))
        typer.echo("steps before and after the model, each with its components, or none of them:")
        typer.echo("\n".join(f"  {step}: {', '.join(names)}" for step, names in size["steps"].items()))
        typer.echo("steps that only a table with several targets has:")
        typer.echo("\n".join(f"  {step}: {', '.join(names)}" for step, names in several.items()))
        for library, names in missing.items():
            typer.echo(f"left out, because {library} is not installed: {', '.join(names)}; {install(library)}")


def main() -> None:
    """Run the command line. An error that the user can fix is one line on standard error, with exit code 2."""
    before = WORDING.set(WORDING.get())
    try:
        with clear_errors_of_standard_output():
            app(prog_name="automl")
    except (AutoMLError, MissingLibraryError) as error:
        typer.echo(f"automl: {' '.join(WORDING.get()(str(error)).split())}", err=True)
        sys.exit(2)
    finally:
        WORDING.reset(before)
