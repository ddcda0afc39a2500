"""The command ``automl advise``: what is in a table, and what a search would do with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.cli.support import (
    Categorical,
    Columns,
    Decimal,
    Drop,
    Encoding,
    Kind,
    Separator,
    Sheet,
    TablePath,
    Text,
    file_options,
    messages_on_stderr,
    split_names,
)
from automl.cli.values import check_columns, parse_columns, parse_cv, parse_scoring
from automl.plurals import plural, short_number
from automl.progress.wording import WORDING
from automl.table_files.target import TaskName, split_targets
from automl.task.metric_words import MetricWords

if TYPE_CHECKING:
    from automl.advice import Advice

_MARKS = {"high": "[bold red]high[/]", "medium": "[yellow]medium[/]", "low": "low"}
_CLASSES_SHOWN, _SIMILAR_SHOWN = 6, 5


def advise(
    table: TablePath,
    target: Annotated[str, typer.Option(metavar="COLUMN", help="Name of the column to predict.")],
    time_budget: Annotated[float, typer.Option(help="Seconds of the fit that is planned.")] = 60.0,
    scoring: Annotated[
        str | None,
        typer.Option(
            help="Name of the scikit-learn scorer to optimize. The default is roc_auc for two classes, neg_log_loss "
            "for more, and neg_root_mean_squared_error for regression."
        ),
    ] = None,
    n_jobs: Annotated[int, typer.Option(help="Number of cores to use; -1 means all cores.")] = -1,
    task: Kind = TaskName.AUTO,
    cv: Annotated[
        str | None,
        typer.Option(metavar="FOLDS", help="Number of folds of the search.", show_default="by the number of rows"),
    ] = None,
    include: Annotated[
        list[str], typer.Option(metavar="NAMES", help="Use only these components, separated by commas.")
    ] = [],  # noqa: B006 - typer copies it
    exclude: Annotated[
        list[str], typer.Option(metavar="NAMES", help="Do not use these components, separated by commas.")
    ] = [],  # noqa: B006
    columns: Columns = [],  # noqa: B006
    categorical: Categorical = [],  # noqa: B006
    text: Text = [],  # noqa: B006
    drop: Drop = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Say what is in a table, what a search would do with it, and what more seconds would gain. Nothing is trained."""
    with messages_on_stderr(0):
        from automl.advice import advise as make_advice
        from automl.table_files.reading import read_table

        options = file_options(encoding, separator, decimal, sheet, table)
        X, y = split_targets(read_table(table, options, target=[target]), [target], table, "--target")
        check_columns(X, table, columns, categorical, text, drop)
        advice = make_advice(
            X,
            y,
            task=task.value,
            time_budget=time_budget,
            scoring=parse_scoring(scoring),
            cv=parse_cv(cv),
            n_jobs=n_jobs,
            columns=parse_columns(columns, categorical, text, drop),
            include=split_names(include),
            exclude=split_names(exclude),
        )
    if as_json:
        typer.echo(json.dumps(advice.to_dict(), indent=2, default=str))
    else:
        _show(advice, table.name, target)


def _show(advice: Advice, name: str, target: str) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    console.print(f"[bold]{escape(name)}[/]: {plural(advice.n_rows, 'row')}, {plural(advice.n_columns, 'column')}")
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in advice.kinds.items())
    missing = f"; {advice.missing:.1%} of the cells are missing" if advice.missing else "; no missing cells"
    console.print(f"  columns   {kinds}{missing}")
    console.print(f"  target    {escape(target)}: {escape(_target(advice))}")
    folds = f"{plural(advice.n_folds, 'fold')}, {plural(advice.n_workers, 'trial')} at the same time"
    words = MetricWords.of(advice.metric, advice.of_class)
    console.print(f"  search    best {escape(words.name)} ({words.direction}); {folds}")
    wording = WORDING.get()
    for warning in advice.warnings:
        text = wording(warning.message)
        console.print(f"  {_MARKS[warning.severity]}: {escape(text)}", soft_wrap=True)
    console.print()
    console.print(wording(advice.conclusion), markup=False, soft_wrap=True)
    for part in (_budgets(advice), _families(advice), _similar(advice)):
        if part is not None:
            console.print()
            console.print(part)
    left = {family.reason: [] for family in advice.families if family.seconds is None}  # type: dict[str, list[str]]
    for family in advice.families:
        if family.seconds is None:
            left[family.reason].append(family.name)
    for reason, names in left.items():
        console.print(f"left out ({reason}): {', '.join(names)}", markup=False, soft_wrap=True)


def _target(advice: Advice) -> str:
    if advice.task == "regression":
        return "numbers, " + ", ".join(f"{name} {short_number(value)}" for name, value in advice.target.items())
    shares = list(advice.target.items())
    shown = [f"{name} ({share:.1%})" for name, share in shares[:_CLASSES_SHOWN]]
    if len(shares) > _CLASSES_SHOWN:
        shown.append(f"{len(shares) - _CLASSES_SHOWN} more, the rarest with {shares[-1][1]:.2%} of the rows")
    return f"{plural(len(shares), 'class')}: {', '.join(shown)}"


def _budgets(advice: Advice) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title="What a search would do (forecast)", title_justify="left", box=SIMPLE_HEAD)
    heads = ["time budget", "configurations", "trials", "fits"]
    has_closeness = advice.budgets[0].closeness is not None
    for head in [*heads, *(["nearness to the best known"] if has_closeness else [])]:
        table.add_column(head, justify="right")
    for budget in advice.budgets:
        counts = (budget.n_configurations, budget.n_trials, budget.n_fits)
        near = [] if budget.closeness is None else [f"{budget.closeness:.0%}"]
        table.add_row(f"{budget.seconds:g} s", *(f"{n:,}" for n in counts), *near)
    return table


def _families(advice: Advice) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    used = [family for family in advice.families if family.seconds is not None]
    table = Table(title="Model families, seconds of a fit (forecast)", title_justify="left", box=SIMPLE_HEAD)
    half = -(-len(used) // 2)
    for _ in range(2 if len(used) > 1 else 1):
        table.add_column("family")
        table.add_column("seconds", justify="right")
    for i in range(half):
        pair = used[i::half]
        cells = [cell for family in pair for cell in (family.name, short_number(family.seconds or 0.0, 2))]
        table.add_row(*cells)
    return table


def _similar(advice: Advice) -> Any:
    if not advice.similar:
        return None
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from automl.report.search_start import feature_words

    table = Table(title="Similar known data sets", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("name", overflow="fold")
    table.add_column("distance", justify="right")
    table.add_column("similar in", overflow="fold")
    table.add_column("different in", overflow="fold")
    for known in advice.similar[:_SIMILAR_SHOWN]:
        words = (", ".join(map(feature_words, names)) for names in (known.similar_in, known.different_in))
        table.add_row(known.name, f"{known.distance:.2f}", *words)
    return table
