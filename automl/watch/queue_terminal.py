"""The view of a queue in a terminal."""

from __future__ import annotations

import time

from rich import box
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automl.jobs.job import Batch
from automl.jobs.queue import JobQueue
from automl.plurals import plural
from automl.report.words import clean, duration, number
from automl.watch.queue_view import QueueView, view_queue
from automl.watch.terminal import BAR, COLORS, show

_JOBS = 20  # rows


def show_queue(queue: JobQueue, batch: Batch) -> None:
    """Show the jobs of a batch until all of them have ended."""
    show(
        lambda: view_queue(queue.records(batch.name), batch.name, batch.results),
        _draw_queue,
        _queue_line,
        lambda view: view.is_live,
    )


def _queue_line(view: QueueView) -> str:
    """Return the state of a queue in one line, which changes only with the states of the jobs."""
    counts = ", ".join(f"{n} {state}" for state, n in view.counts)
    has = "has" if view.n_jobs == 1 else "have"
    return f"{view.n_done} of {plural(view.n_jobs, 'job')} {has} ended: {counts}"


def _draw_queue(view: QueueView) -> RenderableType:
    """Return the view of a queue."""
    head = Table.grid(padding=(0, 2))
    head.add_row(
        Text(view.title, style="bold"),
        ProgressBar(total=1.0, completed=view.share, width=BAR),
        Text(f"{view.n_done} of {plural(view.n_jobs, 'job')}"),
    )
    counts = Text()
    for state, n in view.counts:
        counts.append(f"{n} {state}  ", style=COLORS.get(state, ""))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("job", no_wrap=True, overflow="ellipsis")
    table.add_column("state", no_wrap=True)
    for name in ("attempts", "time", "time left", "expected score", "test score"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("reason", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in view.rows[:_JOBS]:
        seconds = time.time() - row.clock if row.clock is not None else row.seconds
        table.add_row(
            Text(clean(row.name)),
            Text(row.state, style=COLORS.get(row.state, "")),
            str(row.attempts),
            duration(seconds) if seconds is not None else "",
            row.left,
            number(row.expected) if row.expected is not None else "",
            number(row.test) if row.test is not None else "",
            Text(row.reason),
        )
    parts: list[RenderableType] = [head, counts, Text(view.sentence, style="dim"), table]
    if len(view.rows) > _JOBS:
        parts.append(Text(f"... and {len(view.rows) - _JOBS} more", style="dim"))
    return Group(*parts)
