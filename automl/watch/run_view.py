"""What people see of a run: its state in words, the numbers beside it, and the section about the search."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from automl.plurals import plural
from automl.report.data import ReportMetric, SearchSection
from automl.report.search import describe_search
from automl.report.words import clean, metric_words, number, rounded
from automl.trials.candidates import rank
from automl.trials.endings import was_interrupted
from automl.trials.history import Evaluation
from automl.trials.leaderboard import main_hyperparameters
from automl.trials.run_reader import RunReader
from automl.trials.session import Phase, Session

_BEST = 10  # configurations in the table of the best ones

RUNNING, CLOSING, ENDED, FAILED, DIED, UNKNOWN = "running", "closing", "ended", "failed", "died", "unknown"
LIVE = (RUNNING, CLOSING, UNKNOWN)  # the states in which a run may still change by itself


@dataclass(frozen=True)
class RunState:
    """The state of a run: one of the words above, its short name, and a sentence that says what it means."""

    kind: str
    name: str
    sentence: str

    @property
    def is_live(self) -> bool:
        """Whether the run may still change by itself."""
        return self.kind in LIVE


@dataclass(frozen=True)
class BestRow:
    """One of the best configurations."""

    id: str
    family: str
    hyperparameters: str
    score: float | None
    folds: int
    seconds: float
    origin: str


@dataclass(frozen=True)
class RunView:
    """The content of the view of a run.

    Attributes
    ----------
    dropped : tuple of str
        The model families of which the search proposes no more trials.
    clock : float or None
        Time at which the clock of the budget began, in seconds since 1970, while the run goes on.
    spent : float or None
        Seconds of the budget that are used; known at the end, or where the clock is not.
    last_trial : float or None
        Time at which the last trial was recorded, in seconds since 1970.
    expected : str
        The line with the expected score on new rows, after the end.
    """

    title: str
    state: RunState
    metric: ReportMetric
    facts: tuple[tuple[str, str], ...]
    dropped: tuple[str, ...]
    best: float | None
    best_family: str
    n_trials: int
    n_configurations: int
    n_failed: int
    clock: float | None
    spent: float | None
    budget: float | None
    max_trials: int | None
    last_trial: float | None
    expected: str
    model: str | None
    rows: tuple[BestRow, ...]
    search: SearchSection

    @property
    def share(self) -> float | None:
        """The share of the budget that is used, between 0 and 1; None where there is no limit."""
        parts = []
        spent = self.spent if self.clock is None else time.time() - self.clock
        if self.budget and spent is not None:
            parts.append(spent / self.budget)
        if self.max_trials:
            parts.append(self.n_configurations / self.max_trials)
        return min(1.0, max(parts)) if parts else None

    @property
    def seconds(self) -> float | None:
        """The seconds of the budget that are used now."""
        return self.spent if self.clock is None else time.time() - self.clock


def title_of(folder: Path) -> str:
    """Return the title of a run: the name of its folder, after the name of the folder around it.

    >>> title_of(Path("/data/churn/run")), title_of(Path("/run"))
    ('Run directory churn/run', 'Run directory run')
    """
    parts = [part.name for part in (folder.absolute().parent, folder.absolute()) if part.name]
    return f"Run directory {'/'.join(parts)}"


def view_run(reader: RunReader, title: str, state: RunState | None = None) -> RunView:
    """Return the view of a run.

    Parameters
    ----------
    state : RunState, optional
        The state, where something else than the run directory knows it better.
    """
    history, session, metric = reader.history, reader.session, metric_words(reader.metric, reader.metric_class)
    ranked = [e for e in rank(history, usable_only=False, most_folds_first=True) if e.folds]
    state = find_state(reader) if state is None else state
    ticks = state.is_live and session is not None and not session.is_over
    spent = None
    if session is not None:
        spent = session.elapsed
        if state.kind == DIED and reader.last_trial is not None:
            spent += max(0.0, reader.last_trial - session.updated)
    return RunView(
        title=clean(title),
        state=state,
        metric=metric,
        facts=_facts(session, metric, reader.dropped),
        dropped=reader.dropped,
        best=rounded(-ranked[0].mean_loss * metric.sign) if ranked else None,
        best_family=ranked[0].configuration.family if ranked else "",
        n_trials=len(history.results),
        n_configurations=history.n_run,
        n_failed=sum(e.started and not e.usable for e in history.evaluations.values()),
        clock=session.updated - session.elapsed if ticks and session is not None else None,
        spent=None if ticks else spent,
        budget=None if session is None else session.budget_seconds,
        max_trials=None if session is None else session.max_trials,
        last_trial=reader.last_trial,
        expected="" if session is None else session.expected,
        model=None if session is None else session.model,
        rows=tuple(_row(e, metric) for e in ranked[:_BEST]),
        search=describe_search(history, metric),
    )


def find_state(reader: RunReader) -> RunState:
    """Return the state of a run, as its directory and the processes of this machine show it."""
    session = reader.session
    if not reader.is_there:
        return RunState(DIED, "gone", f"The folder '{clean(reader.folder)}' no longer exists.")
    if session is None:
        sentence = (
            "An earlier version of cash-automl has written this folder, which does not say whether the run goes on."
        )
        return RunState(UNKNOWN, "unknown", sentence)
    reason = clean(session.reason, 2_000)
    if session.phase is Phase.ENDED:
        if was_interrupted(session.reason):
            return RunState(
                ENDED, "interrupted", "The run was interrupted. It has a model of the trials that had ended."
            )
        return RunState(ENDED, "ended", f"The run has ended: {reason}.")
    if session.phase is Phase.FAILED:
        if was_interrupted(session.reason):
            sentence = "The run was interrupted before there was a model. The same fit resumes the run."
            return RunState(FAILED, "interrupted", sentence)
        return RunState(FAILED, "failed", f"The run failed. {reason}")
    alive = session.is_alive()
    if alive is False:
        kept = "Its finished trials are kept; the same fit with the same store resumes the run."
        return RunState(DIED, "process died", f"The process of the run has died without a result. {kept}")
    away = ""
    if alive is None:
        host = clean(session.machine.split(" ")[0])
        away = f" Its process is on {host}; whether it still lives cannot be seen from here."
    if session.phase is Phase.ENSEMBLE:
        ended = f"The search has ended ({reason}). " if reason else "The search has ended. "
        return RunState(
            CLOSING, "building the ensemble", f"{ended}The ensemble is built and its score is estimated.{away}"
        )
    return RunState(RUNNING, "running", f"The search is running.{away}")


def _facts(session: Session | None, metric: ReportMetric, dropped: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    facts = [("Metric", f"{metric.title}; {metric.direction}")]
    if dropped:
        facts.append(("Dropped families", clean(", ".join(dropped))))
    if session is None:
        return tuple(facts)
    task = "predict a number (regression)"
    if session.n_classes:
        task = f"choose one of {session.n_classes} classes"
    facts.insert(0, ("Task", task))
    facts.append(("Table", f"{plural(session.n_rows, 'row')}, {plural(session.n_features, 'feature')}"))
    facts.append(("Folds", number(session.n_folds)))
    return tuple(facts)


def _row(evaluation: Evaluation, metric: ReportMetric) -> BestRow:
    return BestRow(
        id=evaluation.configuration.id,
        family=clean(evaluation.configuration.family),
        hyperparameters=clean(main_hyperparameters(evaluation.configuration)),
        score=rounded(-evaluation.mean_loss * metric.sign),
        folds=len(evaluation.folds),
        seconds=float(f"{evaluation.seconds:.4g}"),
        origin=clean(evaluation.origin),
    )
