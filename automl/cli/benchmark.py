"""The command ``automl benchmark``: nested cross-validation of several estimators over tables in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.cli.support import (
    MOST_SEED,
    POSITIVE_HELP,
    Decimal,
    Encoding,
    Separator,
    Sheet,
    file_options,
    messages_on_stderr,
    split_names,
    write_message,
)
from automl.errors import InvalidInputError, NothingFittedError
from automl.task.target import TaskName, find_label, guess_task, split_target

if TYPE_CHECKING:
    import pandas as pd

    from automl.task.text_files import FileOptions

_STORES = "folds"  # folder below the output that holds the fold store of each table


def benchmark(
    tables: Annotated[
        list[Path], typer.Argument(metavar="TABLES...", help="Files with tables: CSV, Parquet and so on.")
    ],
    target: Annotated[str, typer.Option(help="Name of the column to predict, which is the same in all tables.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; a second call with the same folder goes on with its folds.")
    ] = Path("benchmark"),
    estimators: Annotated[
        str, typer.Option(help="Some of automl, forest, lightgbm, linear and dummy, separated by commas.")
    ] = "automl,forest,lightgbm",
    outer_cv: Annotated[
        int, typer.Option(help="Number of outer folds; folds of classes are stratified, and rows are shuffled.")
    ] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="Number of times to repeat the outer folds, newly shuffled.")] = 1,
    groups: Annotated[
        str | None, typer.Option(help="Column of groups; rows with the same value stay in one fold.")
    ] = None,
    in_order: Annotated[
        bool, typer.Option("--in-order", help="The rows are in order of time: train on earlier and score later rows.")
    ] = False,
    time_budget: Annotated[float, typer.Option(help="Seconds for each fit of automl.")] = 60.0,
    scoring: Annotated[
        str,
        typer.Option(
            help="Names of scikit-learn scorers, separated by commas; automl optimizes the first. The default is "
            "roc_auc for two classes, neg_log_loss for more classes, and neg_root_mean_squared_error for regression."
        ),
    ] = "",
    positive: Annotated[str | None, typer.Option(help=POSITIVE_HELP)] = None,
    task: Annotated[
        TaskName, typer.Option(help="Kind of prediction; 'auto' chooses it by the values of the target.")
    ] = TaskName.AUTO,
    n_jobs: Annotated[int, typer.Option(help="Number of cores that each fit uses; -1 means all cores.")] = -1,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=MOST_SEED, help="Seed of outer folds and estimators."),
    ] = None,
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
        folds=_Folds(outer_cv, repeats, in_order, groups),
        time_budget=time_budget,
        scoring=split_names([scoring]),
        positive=positive,
        task=task,
        n_jobs=n_jobs,
        verbose=verbose,
        file=file_options(encoding, separator, decimal, sheet),
    )
    with messages_on_stderr(verbose):
        from automl.comparison.cross_validation import nested_cross_validate
        from automl.comparison.plan import make_plan

        if n_jobs == 0:
            raise InvalidInputError("--n-jobs must be -1 for all processors, or another whole number except 0; got 0")
        _check_out(out)
        named = _by_name(tables)
        for path in named.values():  # check all tables before the first fit
            make_plan(_request(path, options), seed=0)
        done: dict[str, pd.DataFrame] = {}
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
            done[name] = result.scores
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
    groups: str | None

    def splitter(self, classification: bool) -> Any:
        """Return the argument `outer_cv` of `nested_cross_validate`."""
        from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, TimeSeriesSplit

        if sum([self.repeats > 1, self.in_order, self.groups is not None]) > 1:
            raise InvalidInputError("--repeats, --groups and --in-order exclude each other; use only one of them")
        if self.n_splits < 2:
            raise InvalidInputError(f"--outer-cv must be 2 folds or more; got {self.n_splits}")
        if self.in_order:
            return TimeSeriesSplit(self.n_splits)
        if self.repeats > 1:
            make = RepeatedStratifiedKFold if classification else RepeatedKFold
            return make(n_splits=self.n_splits, n_repeats=self.repeats)
        return self.n_splits


@dataclass(frozen=True)
class _Options:
    """The options of one call."""

    target: str
    estimators: Sequence[str]
    folds: _Folds
    time_budget: float
    scoring: Sequence[str]
    positive: str | None
    task: TaskName
    n_jobs: int
    verbose: int
    file: FileOptions


def _request(path: Path, options: _Options) -> Any:
    """Return the arguments of nested cross-validation for one table."""
    from automl.comparison.contenders import CONTENDERS, ContenderSettings, make_contenders
    from automl.comparison.plan import Request
    from automl.task.files import read_table

    X, y = split_target(read_table(path, options.file, target=options.target), options.target, path, "--target")
    groups = None
    if options.folds.groups is not None:
        if options.folds.groups not in X.columns:
            raise InvalidInputError(f"--groups: '{path}' has no column '{options.folds.groups}'; name another column")
        groups = X.pop(options.folds.groups)
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
        n_jobs=options.n_jobs,
        verbose=max(0, options.verbose - 1),
    )
    return Request(
        estimators=make_contenders(options.estimators, settings),
        X=X,
        y=y,
        outer_cv=options.folds.splitter(settings.classification),
        scoring=list(options.scoring) or None,
        groups=groups,
        positive_label=positive_label,
    )


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


def _save(out: Path, done: dict[str, pd.DataFrame], options: _Options, verbose: int) -> None:
    """Write the results so far as tables and plots, and show them if `verbose` is above 0."""
    from automl.comparison.report import BenchmarkReport

    report = BenchmarkReport.from_scores(done, by_metric=bool(options.scoring))
    report.write(out)
    if verbose:
        report.show()
