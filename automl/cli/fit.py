"""The command ``automl fit``: search for the best ensemble for a table in a file, and save it as a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.cli.leaderboard import render
from automl.cli.support import (
    MOST_SEED,
    POSITIVE_HELP,
    TABLE_PANEL,
    Categorical,
    Columns,
    Decimal,
    Drop,
    Encoding,
    Gap,
    Groups,
    Kind,
    Separator,
    Sheet,
    TablePath,
    Text,
    Time,
    Weight,
    file_options,
    messages_on_stderr,
    split_names,
    unsaved_if_interrupted,
    within,
    write_message,
)
from automl.cli.training_rows import RowOptions, read_training_rows
from automl.cli.values import (
    check_columns,
    load_callbacks,
    parse_columns,
    parse_cv,
    parse_guard,
    parse_monotonic,
    parse_quantiles,
    parse_scoring,
    parse_space,
    read_configurations,
)
from automl.errors import InvalidInputError
from automl.plurals import plural
from automl.table_files.target import TaskName, find_label, guess_task

if TYPE_CHECKING:
    import pandas as pd

_SEARCH, _LIMITS, _RESULT = "Search", "Limits and resources", "Result and messages"  # groups of options in --help
_ROWS_SHOWN = 10


def fit(
    table: TablePath,
    target: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN",
            help="Name of the column to predict. May be repeated, or name several columns separated by commas: then "
            "the model predicts all of them.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder in which the model is saved.")] = Path("model"),
    time_budget: Annotated[
        float | None,
        typer.Option(
            help="Seconds for the whole fit, including the ensemble.",
            show_default="60, or no limit where processor seconds are limited",
        ),
    ] = None,
    scoring: Annotated[
        str | None,
        typer.Option(
            help="Name of the scikit-learn scorer to optimize; further names after commas are recorded beside it. "
            "The default is roc_auc for two classes, neg_log_loss for more, neg_ranked_probability_score for classes "
            "with an order, and neg_root_mean_squared_error for regression."
        ),
    ] = None,
    objectives: Annotated[
        list[str],
        typer.Option(
            metavar="NAMES",
            help="What the search optimizes, separated by commas: score, and beside it milliseconds, megabytes, "
            "demographic_parity_difference or equalized_odds_difference (both with --sensitive-features); 'automl slim "
            "MODEL' then lists the models to choose from.",
            show_default="score",
            rich_help_panel=_SEARCH,
        ),
    ] = [],  # noqa: B006 - typer copies it
    quantiles: Annotated[
        str | None,
        typer.Option(
            metavar="LEVELS",
            help="Predict these quantiles of a number, such as 0.1,0.5,0.9, in place of its mean. The score is then "
            "the pinball loss.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    n_jobs: Annotated[int, typer.Option(help="Number of cores to use; -1 means all cores.")] = -1,
    task: Kind = TaskName.AUTO,
    positive_label: Annotated[
        str | None,
        typer.Option(
            "--positive-label", "--positive", metavar="CLASS", help=POSITIVE_HELP, rich_help_panel=TABLE_PANEL
        ),
    ] = None,
    ordered_classes: Annotated[
        str | None,
        typer.Option(
            metavar="CLASSES",
            help="The classes in their order, the lowest first, such as low,medium,high: a search for grades. Files of "
            "text keep no order; Parquet and Feather files keep that of an ordered categorical.",
            rich_help_panel=TABLE_PANEL,
        ),
    ] = None,
    weight: Weight = None,
    groups: Groups = None,
    time: Time = None,
    gap: Gap = "0",
    sensitive_features: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN",
            help="Column with groups such as the sex, whose scores are compared; may be repeated: each combination of "
            "values is a group. It stays a feature; --drop hides it from the models.",
            rich_help_panel=TABLE_PANEL,
        ),
    ] = [],  # noqa: B006
    validation: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Table with validation rows, which the search scores in place of folds; at last the models are "
            "trained on all rows.",
            rich_help_panel=TABLE_PANEL,
        ),
    ] = None,
    columns: Columns = [],  # noqa: B006 - typer copies it
    categorical: Categorical = [],  # noqa: B006
    text: Text = [],  # noqa: B006
    drop: Drop = [],  # noqa: B006
    monotonic: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN=SIGN",
            help="Predictions must not fall while this column rises (age=1), or must not rise (price=-1); may be "
            "repeated.",
            rich_help_panel=TABLE_PANEL,
        ),
    ] = [],  # noqa: B006
    noisy_labels: Annotated[
        bool,
        typer.Option(
            "--noisy-labels",
            help="You expect wrong labels: also try to leave out suspicious rows, and robust losses.",
            rich_help_panel=_SEARCH,
        ),
    ] = False,
    cv: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDS",
            help="Folds of the search: a number, or a splitter of scikit-learn and a number, such as TimeSeriesSplit:5 "
            "for rows in the order of time.",
            show_default="by the number of rows",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    include: Annotated[
        list[str],
        typer.Option(
            metavar="NAMES",
            help="Use only these components, separated by commas; may be repeated. 'automl space' lists them all. "
            "A name may begin with its step, as in encoding:one_hot.",
            rich_help_panel=_SEARCH,
        ),
    ] = [],  # noqa: B006
    exclude: Annotated[
        list[str],
        typer.Option(
            metavar="NAMES",
            help="Do not use these components, separated by commas; may be repeated.",
            rich_help_panel=_SEARCH,
        ),
    ] = [],  # noqa: B006
    space: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUE",
            help="Change a hyperparameter: NAME=LOW,HIGH is a range, NAME=VALUE a fixed value, NAME=A,B,C choices; or "
            "a YAML or JSON file with all changes. May be repeated; 'automl space --full' lists the names.",
            rich_help_panel=_SEARCH,
        ),
    ] = [],  # noqa: B006
    components: Annotated[
        list[str],
        typer.Option(
            metavar="NAMES",
            help="Add components of installed packages, by the names of their entry points in the group "
            "automl.components, separated by commas; may be repeated.",
            rich_help_panel=_SEARCH,
        ),
    ] = [],  # noqa: B006
    initial_configurations: Annotated[
        str,
        typer.Option(
            help="Configurations to try first: meta (they did well on similar data sets), default, or a JSON file with "
            "a list of them.",
            rich_help_panel=_SEARCH,
        ),
    ] = "meta",
    without: Annotated[
        list[str],
        typer.Option(
            metavar="NAMES",
            help="Do not use the results on these data sets of the meta-database, separated by commas; may be "
            "repeated.",
            rich_help_panel=_SEARCH,
        ),
    ] = [],  # noqa: B006
    searcher: Annotated[
        str,
        typer.Option(
            help="The search strategy: smac, random, sobol, grid, genetic, successive_halving, hyperband, bohb, or the "
            "name of an Optuna sampler.",
            rich_help_panel=_SEARCH,
        ),
    ] = "smac",
    ensemble_size: Annotated[
        int,
        typer.Option(
            help="Rounds of ensemble selection, each of which adds a configuration or raises a weight; 1 keeps only "
            "the best configuration.",
            rich_help_panel=_SEARCH,
        ),
    ] = 25,
    guard: Annotated[
        float | None,
        typer.Option(
            help="Share of the rows, 0.05 to 0.1, that the search does not see: the run warns if the scores on them "
            "contradict the search.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    guard_stop: Annotated[
        bool, typer.Option("--guard-stop", help="End the search when the guard warns.", rich_help_panel=_SEARCH)
    ] = False,
    callbacks: Annotated[
        list[str],
        typer.Option(
            "--callback",
            metavar="MODULE:NAME",
            help="Python function that is called as callback(result, history) after each trial; may be repeated.",
            rich_help_panel=_SEARCH,
        ),
    ] = [],  # noqa: B006
    seed: Annotated[
        int | None,
        typer.Option(callback=within(0, MOST_SEED), help="Seed of all random numbers.", rich_help_panel=_SEARCH),
    ] = None,
    max_trials: Annotated[
        int | None,
        typer.Option(callback=within(1), help="Stop after this number of configurations.", rich_help_panel=_LIMITS),
    ] = None,
    max_processor_seconds: Annotated[
        float | None,
        typer.Option(
            help="Stop when all trials together have used this many seconds of processors.", rich_help_panel=_LIMITS
        ),
    ] = None,
    trial_time_limit: Annotated[
        float | None, typer.Option(help="Seconds for one trial.", rich_help_panel=_LIMITS)
    ] = None,
    memory_limit: Annotated[
        float | None,
        typer.Option(
            help="Memory in MiB for one trial.",
            show_default="an even share of the free memory",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    max_predict_milliseconds: Annotated[
        float | None,
        typer.Option(help="The longest time in which the model may predict a single row.", rich_help_panel=_LIMITS),
    ] = None,
    max_model_megabytes: Annotated[
        float | None,
        typer.Option(help="The largest size of the models of the ensemble, in MB.", rich_help_panel=_LIMITS),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            help="Device on which networks train: auto, cpu, cuda, cuda:1 and so on.", rich_help_panel=_LIMITS
        ),
    ] = "auto",
    executor: Annotated[
        str,
        typer.Option(
            help="Place where trials run: local (this machine) or ray (a running Ray cluster).",
            rich_help_panel=_LIMITS,
        ),
    ] = "local",
    store: Annotated[
        Path | None,
        typer.Option(
            help="Run directory, which keeps every trial: after an interruption, the same command resumes the run.",
            rich_help_panel=_RESULT,
        ),
    ] = None,
    energy: Annotated[
        str | None,
        typer.Option(
            metavar="COUNTRY",
            help="Measure energy and CO2 with codecarbon; COUNTRY is where the machine stands, such as DEU or USA.",
            show_default="estimate them",
            rich_help_panel=_RESULT,
        ),
    ] = None,
    rows: Annotated[
        bool,
        typer.Option(
            "--rows", help="Save the training rows with the model, for 'automl refit'.", rich_help_panel=_RESULT
        ),
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            min=0,
            help="0 writes no messages, 1 writes the main messages, 2 also messages about single trials.",
            rich_help_panel=_RESULT,
        ),
    ] = 1,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Search for the best ensemble of pipelines for a table, and save the ensemble as a model."""
    parameters = {
        "time_budget": 60.0 if time_budget is None and max_processor_seconds is None else time_budget,
        "max_trials": max_trials,
        "max_processor_seconds": max_processor_seconds,
        "scoring": parse_scoring(scoring),
        "objectives": split_names(objectives) or ("score",),
        "cv": parse_cv(cv),
        "n_jobs": n_jobs,
        "memory_limit": memory_limit,
        "trial_time_limit": trial_time_limit,
        "device": device,
        "include": split_names(include),
        "exclude": split_names(exclude),
        "space": parse_space(space),
        "components": split_names(components),
        "initial_configurations": read_configurations(initial_configurations),
        "without": split_names(without),
        "searcher": searcher,
        "ensemble_size": ensemble_size,
        "max_predict_milliseconds": max_predict_milliseconds,
        "max_model_megabytes": max_model_megabytes,
        "executor": executor,
        "energy": energy,
        "store": store,
        "guard": parse_guard(guard, guard_stop),
        "columns": parse_columns(columns, categorical, text, drop),
        "monotonic": parse_monotonic(monotonic),
        "noisy_labels": noisy_labels,
        "callbacks": load_callbacks(callbacks),
        "random_state": seed,
        "verbose": verbose,
    }
    with messages_on_stderr(verbose):
        with unsaved_if_interrupted():
            from automl.expected_score import expected_score_line
            from automl.persistence import check_place
            from automl.trials.session import record_model

            check_place(out)
            _check_parameters(parameters, task)
            file = file_options(encoding, separator, decimal, sheet, table, validation)
            about_rows = RowOptions(
                target, task, ordered_classes, weight, groups, time, gap, validation, sensitive_features, cv
            )
            X, y, fit_arguments = read_training_rows(table, file, about_rows)
            check_columns(X, table, columns, categorical, text, drop)
            estimator = _make_estimator(parameters, X, y, task, positive_label, parse_quantiles(quantiles))
            estimator.fit(X, y, **fit_arguments)
        shown = sys.stdout.isatty() and expected_score_line(estimator) != ""  # the progress has shown it, too
        estimator.save(out, rows=rows)
        if store is not None:
            record_model(store, out)
        if verbose:
            typer.echo(render(estimator, estimator.leaderboard_, _ROWS_SHOWN, with_expected=not shown))
        write_message(verbose, f"saved to '{out}'")


def _check_parameters(parameters: dict[str, Any], task: TaskName) -> None:
    """Check the parameters before the table is read, as far as the kind of the prediction does not matter."""
    from automl.arguments import check_arguments

    kinds = [True, False] if task is TaskName.AUTO else [task is TaskName.CLASSIFICATION]
    problems = []
    for is_classification in kinds:
        try:
            check_arguments(parameters, is_classification)
        except InvalidInputError as error:
            problems.append(str(error))
    if len(problems) == len(kinds) and len(set(problems)) == 1:
        raise InvalidInputError(problems[0])


def _make_estimator(
    parameters: dict[str, Any],
    X: pd.DataFrame,
    y: pd.Series | pd.DataFrame,
    task: TaskName,
    positive: str | None,
    quantiles: tuple[float, ...] | None,
) -> Any:
    """Return the classifier or the regressor for a target, and report which of them it is."""
    from automl.estimator import AutoMLClassifier, AutoMLRegressor

    kind, why = guess_task(y) if task is TaskName.AUTO else (task, "set by --task")
    if quantiles is not None and task is TaskName.AUTO:
        if y.ndim == 1 and isinstance(y.iloc[0], str):
            raise InvalidInputError(f"--quantiles: '{y.name}' holds texts, not numbers; leave out --quantiles")
        kind, why = TaskName.REGRESSION, "because of --quantiles"
    name = f"'{y.name}'" if y.ndim == 1 else ", ".join(f"'{column}'" for column in y.columns)
    write_message(
        parameters["verbose"], f"{plural(len(X), 'row')}, {plural(X.shape[1], 'column')}; {kind} of {name} ({why})"
    )
    if kind is TaskName.CLASSIFICATION:
        if quantiles is not None:
            raise InvalidInputError("--quantiles are for numbers, not for classes; leave out --task classification")
        return AutoMLClassifier(**parameters, positive_label=find_label(y, positive, "--positive"))
    if positive is not None:
        raise InvalidInputError(f"--positive: {name} holds numbers, not classes; leave out --positive")
    return AutoMLRegressor(**parameters, quantiles=quantiles)
