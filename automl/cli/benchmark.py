"""The command ``automl benchmark``: nested cross-validation of several estimators over tables in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    Text,
    Time,
    Weight,
    file_options,
    messages_on_stderr,
    split_names,
    split_weight_and_groups,
    write_message,
)
from automl.cli.values import parse_columns
from automl.errors import InvalidInputError, NothingFittedError, check_names
from automl.table_files.target import TaskName, find_label, guess_task, split_target, split_targets

if TYPE_CHECKING:
    import pandas as pd

    from automl.comparison.cross_validation import NestedResult
    from automl.table_files.text import FileOptions

_FOLDS = "Outer folds"  # a group of options in --help
_STORES = "folds"  # folder below the output that holds the fold store of each table


def benchmark(
    tables: Annotated[
        list[Path], typer.Argument(metavar="TABLES...", help="Files with tables: CSV, Parquet and so on.")
    ],
    target: Annotated[
        str, typer.Option(metavar="COLUMN", help="Name of the column to predict, which is the same in all tables.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; a second call with the same folder goes on with its folds.")
    ] = Path("benchmark"),
    estimators: Annotated[
        str, typer.Option(help="Some of automl, forest, lightgbm, linear and dummy, separated by commas.")
    ] = "automl,forest,lightgbm",
    time_budget: Annotated[float, typer.Option(help="Seconds for each fit of automl.")] = 60.0,
    scoring: Annotated[
        str,
        typer.Option(
            help="Names of scikit-learn scorers, separated by commas; automl optimizes the first. The default is "
            "roc_auc for two classes, neg_log_loss for more classes, and neg_root_mean_squared_error for regression."
        ),
    ] = "",
    n_jobs: Annotated[int, typer.Option(help="Number of cores that each fit uses; -1 means all cores.")] = -1,
    outer_cv: Annotated[
        int,
        typer.Option(
            help="Number of outer folds; folds of classes are stratified, and rows are shuffled.",
            rich_help_panel=_FOLDS,
        ),
    ] = 5,
    repeats: Annotated[
        int,
        typer.Option(min=1, help="Number of times to repeat the outer folds, newly shuffled.", rich_help_panel=_FOLDS),
    ] = 1,
    in_order: Annotated[
        bool,
        typer.Option(
            "--in-order",
            help="The rows are in the order of time: train on earlier and score later rows, also inside the search.",
            rich_help_panel=_FOLDS,
        ),
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=MOST_SEED, help="Seed of outer folds and estimators.", rich_help_panel=_FOLDS),
    ] = None,
    task: Kind = TaskName.AUTO,
    positive_label: Annotated[
        str | None,
        typer.Option(
            "--positive-label", "--positive", metavar="CLASS", help=POSITIVE_HELP, rich_help_panel=TABLE_PANEL
        ),
    ] = None,
    weight: Weight = None,
    groups: Groups = None,
    time: Time = None,
    gap: Gap = "0",
    columns: Columns = [],  # noqa: B006 - typer copies it
    categorical: Categorical = [],  # noqa: B006
    text: Text = [],  # noqa: B006
    drop: Drop = [],  # noqa: B006
    verbose: Annotated[
        int,
        typer.Option(
            min=0, help="0 writes no messages, 1 writes one line for each outer fold, 2 also the messages of each fit."
        ),
    ] = 1,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Compare estimators on tables by nested cross-validation: scores come from rows that no search has seen."""
    options = _Options(
        target=target,
        estimators=split_names([estimators]),
        folds=_Folds(outer_cv, repeats, in_order, time is not None),
        time_budget=time_budget,
        scoring=split_names([scoring]),
        columns=_Columns(weight, groups, parse_columns(columns, categorical, text, drop), time, gap),
        positive=positive_label,
        task=task,
        n_jobs=n_jobs,
        verbose=verbose,
        file=file_options(encoding, separator, decimal, sheet, *tables),
    )
    with messages_on_stderr(verbose):
        from automl.comparison.cross_validation import nested_cross_validate
        from automl.comparison.plan import plan_comparison

        if n_jobs == 0:
            raise InvalidInputError("--n-jobs must be -1 for all processors, or another whole number except 0; got 0")
        _check_out(out)
        named = _by_name(tables)
        for path in named.values():  # check all tables before the first fit
            plan_comparison(_request(path, options), seed=0)
        done: dict[str, NestedResult] = {}
        failures = []
        for i, (name, path) in enumerate(named.items()):
            write_message(verbose, f"table {i + 1} of {len(named)}: {path}")
            request = _request(path, options)
            try:
                result = nested_cross_validate(
                    **vars(request), store=out / _STORES / name, random_state=seed, verbose=verbose
                )
            except NothingFittedError as error:  # the results of the other tables remain
                failures.append(f"'{path}': {error}")
                if len(named) > 1:
                    write_message(verbose, f"note: {failures[-1]}")
                continue
            done[name] = result
            _save(out, done, options, verbose=verbose if len(done) + len(failures) == len(named) else 0)
        if not done:
            raise NothingFittedError(failures[0])
        write_message(verbose, f"saved in '{out}'")


@dataclass(frozen=True)
class _Folds:
    """The options that define the outer folds."""

    n_splits: int
    repeats: int
    in_order: bool
    by_time: bool

    def splitter(self, classification: bool, with_groups: bool) -> Any:
        """Return the argument `outer_cv` of `nested_cross_validate`."""
        from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, TimeSeriesSplit

        if sum([self.repeats > 1, self.in_order, with_groups]) > 1:
            raise InvalidInputError("--repeats, --groups and --in-order exclude each other; use only one of them")
        if self.by_time and (self.in_order or self.repeats > 1):
            raise InvalidInputError("--time, --in-order and --repeats exclude each other; use only one of them")
        if self.n_splits < 2:
            raise InvalidInputError(f"--outer-cv must be 2 folds or more; got {self.n_splits}")
        if self.in_order:
            return TimeSeriesSplit(self.n_splits)
        if self.repeats > 1:
            make = RepeatedStratifiedKFold if classification else RepeatedKFold
            return make(n_splits=self.n_splits, n_repeats=self.repeats)
        return self.n_splits


@dataclass(frozen=True)
class _Columns:
    """The options about the columns of the tables."""

    weight: str | None
    groups: str | None
    kinds: Mapping[str, str]
    time: str | None
    gap: str


@dataclass(frozen=True)
class _Options:
    """The options of one call."""

    target: str
    estimators: Sequence[str]
    folds: _Folds
    time_budget: float
    scoring: Sequence[str]
    columns: _Columns
    positive: str | None
    task: TaskName
    n_jobs: int
    verbose: int
    file: FileOptions


def _request(path: Path, options: _Options) -> Any:
    """Return the arguments of nested cross-validation for one table."""
    from automl.comparison.contenders import CONTENDERS, ContenderSettings, make_contenders
    from automl.comparison.plan import Request
    from automl.table_files.reading import read_table

    whole = read_table(path, options.file, target=options.target)
    X, y = split_targets(whole, [options.target], path, "--target")
    X, found = split_weight_and_groups(X, options.columns.weight, options.columns.groups, path)
    time = None
    if options.columns.time is not None:  # a column of this kind may be dropped below
        time = split_target(X, options.columns.time, path, "--time")[1]
    elif options.columns.gap != "0":
        raise InvalidInputError("--gap needs --time, the column with the time of each row")
    X, kinds = _read_as(X, options.columns.kinds, path)
    if not options.estimators:
        raise InvalidInputError(f"--estimators names no estimator; choose from {', '.join(map(repr, CONTENDERS))}")
    kind = guess_task(y)[0] if options.task is TaskName.AUTO else options.task
    if options.positive is not None and kind is not TaskName.CLASSIFICATION:
        raise InvalidInputError(f"--positive: '{options.target}' holds numbers, not classes; leave out --positive")
    positive_label = find_label(y, options.positive, "--positive")
    settings = ContenderSettings(
        classification=kind is TaskName.CLASSIFICATION,
        time_budget=options.time_budget,
        scoring=options.scoring[0] if options.scoring else None,
        positive_label=positive_label,
        columns=kinds,
        n_jobs=options.n_jobs,
        verbose=max(0, options.verbose - 1),
    )
    return Request(
        estimators=make_contenders(options.estimators, settings),
        X=X,
        y=y,
        outer_cv=options.folds.splitter(settings.classification, "groups" in found),
        scoring=list(options.scoring) or None,
        groups=found.get("groups"),
        sample_weight=found.get("sample_weight"),
        positive_label=positive_label,
        time=time,
        gap=options.columns.gap if time is not None else 0,
    )


def _read_as(X: pd.DataFrame, kinds: Mapping[str, str], path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Drop columns and make categories as the user says, for all estimators; also return the kinds for our reader."""
    from automl.task.validation import table_errors
    from pipelines.table.column_types import KINDS
    from pipelines.table.reader import TableReader

    names = {str(name): name for name in X.columns}
    for name, kind in kinds.items():
        check_names(f"the columns of '{path}'", name, names)
        check_names("--columns", kind, KINDS)
    X = X.drop(columns=[names[name] for name, kind in kinds.items() if kind == "drop"])
    categories = [names[name] for name, kind in kinds.items() if kind == "category"]
    kept = {names[name]: kind for name, kind in kinds.items() if kind != "drop"}
    if kept:
        with table_errors():  # otherwise, each outer fold would fail
            TableReader(columns=kept).fit(X)
    return X.astype(dict.fromkeys(categories, "category")), kept


def _check_out(out: Path) -> None:
    """Check that results can be written to a folder, before any work."""
    from automl.persistence import takes_files

    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / _STORES).is_dir()):
        raise InvalidInputError(f"--out: '{out}' exists and holds no benchmark; name another folder")
    parent = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not takes_files(parent):
        raise InvalidInputError(f"--out: '{out}' cannot be written: no file can be made in '{parent}'")


def _by_name(tables: Sequence[Path]) -> dict[str, Path]:
    """Return the tables by the names of their files without the endings."""
    named: dict[str, Path] = {}
    for path in tables:
        name = path.name.split(".")[0]
        if name in named:
            raise InvalidInputError(f"TABLES: '{named[name]}' and '{path}' have the same name; rename one of the files")
        named[name] = path
    return named


def _save(out: Path, done: dict[str, NestedResult], options: _Options, verbose: int) -> None:
    """Write the results so far as tables and plots, and show them if `verbose` is above 0."""
    from automl.comparison.report import BenchmarkReport

    report = BenchmarkReport.from_results(done, by_metric=bool(options.scoring))
    report.write(out)
    if verbose:
        report.show()
