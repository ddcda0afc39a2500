"""The view in a terminal: redrawn in place, or one line for each change where the output is not a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automl.plurals import plural
from automl.report.words import clean, duration, number
from automl.trials.run_reader import RunReader
from automl.watch.run_view import DIED, FAILED, UNKNOWN, RunView, title_of, view_run

_EVERY = 2.0  # seconds between two looks
_TICK = 0.5  # seconds between two drawings of the times
BAR = 30  # characters
COLORS = {"running": "cyan", "closing": "cyan", "ended": "green", "finished": "green", "failed": "red", "died": "red"}

_View = TypeVar("_View")


def show_run(folder: Path) -> bool:
    """Show a run until it ends.

    Returns
    -------
    bool
        Whether the run ended well: False if it failed or its process died.

    Raises
    ------
    InvalidInputError
        If the folder holds no run.
    """
    reader = RunReader(folder)
    title = title_of(folder)

    def look() -> RunView:
        reader.update()
        return view_run(reader, title)

    view = show(look, _draw_run, run_line, lambda view: view.state.is_live and view.state.kind != UNKNOWN)
    return view.state.kind not in (FAILED, DIED)


def show(
    look: Callable[[], _View],
    draw: Callable[[_View], RenderableType],
    line: Callable[[_View], str],
    is_live: Callable[[_View], bool],
) -> _View:
    """Look again and again until nothing changes any more, and return the last view."""
    console = Console(highlight=False, markup=False)
    view, seen = look(), 0.0
    if not console.is_terminal:
        last = ""
        while True:
            if (text := line(view)) != last:
                console.print(text, soft_wrap=True)
                last = text
            if not is_live(view):
                return view
            time.sleep(_EVERY)
            view = look()
    with Live(draw(view), console=console, auto_refresh=False) as live:
        while is_live(view):
            time.sleep(_TICK)
            if time.monotonic() - seen > _EVERY:
                view, seen = look(), time.monotonic()
            live.update(draw(view), refresh=True)
    return view


def run_line(view: RunView) -> str:
    """Return the state of a run in one line, which changes only with the trials and the state."""
    parts = [view.state.name, plural(view.n_trials, "trial"), plural(view.n_configurations, "configuration")]
    if view.n_failed:
        parts.append(f"{view.n_failed} failed")
    if view.best is not None:
        parts.append(f"best {view.metric.title} {number(view.best)} ({view.best_family})")
    if view.dropped:
        parts.append(f"without {clean(', '.join(view.dropped))}")
    text = ", ".join(parts)
    if not view.state.is_live:
        text += f"\n{view.state.sentence}" + (f"\n{view.expected}" if view.expected else "")
    return text


def _draw_run(view: RunView) -> RenderableType:
    """Return the view of a run."""
    head = Table.grid(padding=(0, 2))
    head.add_row(Text(view.title, style="bold"), Text(view.state.name, style=COLORS.get(view.state.kind, "yellow")))
    parts: list[RenderableType] = [head, Text(view.state.sentence, style="dim")]
    if view.expected:
        parts.append(Text(view.expected, style="bold"))
    if view.dropped:
        parts.append(Text(f"No more trials of: {clean(', '.join(view.dropped))}", style="dim"))
    times = Table.grid(padding=(0, 2))
    spent = duration(view.seconds) + (f" of {duration(view.budget)}" if view.budget else "")
    trials = f"{plural(view.n_trials, 'trial')}, {plural(view.n_configurations, 'configuration')}"
    if view.max_trials:
        trials = (
            f"{plural(view.n_trials, 'trial')}, {view.n_configurations} of {plural(view.max_trials, 'configuration')}"
        )
    if view.n_failed:
        trials += f" ({view.n_failed} failed)"
    cells: list[RenderableType] = [Text(spent), Text(trials)]
    if view.share is not None:
        cells.insert(0, ProgressBar(total=1.0, completed=view.share, width=BAR))
    times.add_row(*cells)
    parts.append(times)
    if view.best is not None:
        best = Text(f"Best {view.metric.title} {'so far' if view.state.is_live else 'in the search'}: ")
        best.append(number(view.best), style="bold green")
        best.append(f" by {view.best_family}; {view.metric.direction}", style="dim")
        parts += [best, Text(""), _best_table(view), Text(""), _family_table(view)]
    return Group(*parts)


def _best_table(view: RunView) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Best configurations", title_justify="left", pad_edge=False, expand=True)
    table.add_column("family", no_wrap=True)
    for name in (view.metric.title, "folds", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("main hyperparameters", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in view.rows[:5]:
        cells = row.family, number(row.score), str(row.folds), number(row.seconds, 3), row.hyperparameters
        table.add_row(*map(Text, cells))
    return table


def _family_table(view: RunView) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Model families", title_justify="left", pad_edge=False, expand=True)
    table.add_column("family", no_wrap=True)
    for name in ("configurations", "failed", "best score", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why trials failed or did not start", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in view.search.families:
        why = "; ".join(f"{failure.status}: {failure.reason}" for failure in row.failures[:1])
        cells = row.family, str(row.n_configurations), str(row.n_failed or ""), number(row.best), number(row.seconds, 3)
        table.add_row(*map(Text, cells), Text(why))
    return table
