"""What the memory is worth: regret of initial designs, replayed on the results in the database.

Each data set in turn is treated as new: it and its whole family of near-duplicates are left out of the memory, designs
are made for it, and what their configurations scored on it is looked up. Regret is the best score so far, as a part of
the way from the median to the best of all configurations that were measured there, at most 2. Random designs are of
those that were drawn from the space, without those made by hand: in any order (random draws, where strong families are
the most), or each family as often as any other (random search).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from rich.console import Console

from automl.search.budget import Budget
from automl.search.forecast import RuntimeModel
from automl.search.initial import PATIENCE, default_portfolio
from automl.search.smac import SmacSearcher
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, TrialResult
from meta_db.records import RANKED_BY, DatasetRecord
from meta_db.store import SHIPPED, MetaDatabase
from metalearning.metafeatures import MetaFeatures
from metalearning.warmstart import Recommendation, recommend
from pipelines.build import predicted_seconds
from pipelines.configuration import Configuration
from pipelines.models import PORTFOLIO
from pipelines.space import build_space, complete

TRIALS = (1, 2, 5, 10, 20, 50)
SECONDS = (0.25, 0.75, 2.5, 7.5)  # of single folds, one after another
NOTHING = 2.0  # regret before the first trial has ended
_DRAWS = 20  # of the random design
_ALL = 10**6  # of what is in the memory; what a model would propose was not measured
_LEAST = 90  # configurations measured on a data set, to tell anything of 50 trials

console = Console()


def regret(scores: NDArray[np.float64], best: float, median: float) -> NDArray[np.float64]:
    """Regret after each trial; trials that did not finish change nothing."""
    so_far = np.maximum.accumulate(np.where(np.isnan(scores), -np.inf, scores))
    return np.clip((best - so_far) / max(best - median, 1e-12), 0.0, 2.0)


def designs(
    database: MetaDatabase, record: DatasetRecord, scores: Mapping[Configuration, float], budget: float
) -> dict[str, list[Configuration]]:
    """Each design's configurations for a data set, in order; only those that were measured there."""
    space, traits = build_space(record.traits), record.traits
    left_out = {record.family}

    def cost(configuration: Configuration) -> float:
        return predicted_seconds(configuration, traits)

    def remember(qualities: Mapping[str, float], patience: float = PATIENCE * budget) -> Recommendation:
        metric = RANKED_BY[traits.task]
        return recommend([database], MetaFeatures(qualities), space, metric, cost, patience, left_out)

    def played(said: Recommendation) -> list[Configuration]:
        return _as_it_goes(
            SmacSearcher(space, initial=said.configurations, beliefs=said.beliefs, n_advised=_ALL), scores
        )

    # What was measured was measured on a part of the rows of a long table.
    qualities = {**record.qualities, "NumberOfInstances": float(traits.n_rows)}
    said = remember(qualities)
    found = {
        "warm start": played(said),
        "the same regardless of seconds": played(remember(qualities, patience=1e6)),
        "the same in a fixed order": said.configurations,
        "the same for any table": remember(_nothing_known(record)).configurations,
        "hand-made portfolio": default_portfolio(space, RuntimeModel(traits, 1.0), Budget(budget)),
    }
    return {name: [c for c in order if c in scores] for name, order in found.items()}


def _search_at_random(known: Sequence[Configuration], rng: np.random.Generator) -> list[Configuration]:
    """As random search draws from the space: all families alike, then one of the family's, which may come again."""
    families = sorted({configuration.family for configuration in known})
    own = {family: [c for c in known if c.family == family] for family in families}
    return [own[family][rng.integers(len(own[family]))] for family in rng.choice(families, _LEAST)]


def _as_it_goes(searcher: SmacSearcher, scores: Mapping[Configuration, float]) -> list[Configuration]:
    """What a searcher tries while it goes by its memory, told what each configuration scores."""
    history = RunHistory()
    while (trials := searcher.suggest(history, 1)) and trials[0].origin == "initial":
        score = scores.get(trials[0].configuration)
        folds = {} if score is None else {0: FoldResult(-score, 0.0, 0.0)}
        history.append(TrialResult(trials[0], Status.CRASH if score is None else Status.OK, folds, 0.0))
    return list(history.evaluations)


def main(
    file: Annotated[Path, typer.Option(help="The database.")] = SHIPPED,
    budget: Annotated[float, typer.Option(help="Seconds that the designs are made for.")] = 60.0,
    out: Annotated[Path | None, typer.Option(help="CSV file with one row a data set, design and trial.")] = None,
    plot: Annotated[Path | None, typer.Option(help="PNG file.")] = None,
) -> None:
    """Replay initial designs."""
    rows = []
    rng = np.random.default_rng(0)
    with MetaDatabase(file) as database:
        results = database.results()
        for i, (_, record) in enumerate(results.datasets):
            space = build_space(record.traits)
            scores: dict[Configuration, float] = {}
            seconds: dict[Configuration, float] = {}
            for j in np.flatnonzero(np.isfinite(results.scores[i])):
                completed = complete(space, results.configurations[j][1])
                if completed is not None and completed not in scores:
                    scores[completed], seconds[completed] = results.scores[i, j], results.seconds[i, j]
            values = np.array(list(scores.values()))
            if len(values) < _LEAST or not record.qualities:
                continue
            best, median = float(values.max()), float(np.median(values))
            orders = designs(database, record, scores, budget)
            by_hand = {complete(space, entry) for entry in PORTFOLIO}
            known = [configuration for configuration in scores if configuration not in by_hand]
            for draw in range(_DRAWS):
                orders[f"random draws {draw}"] = [known[k] for k in rng.permutation(len(known))]
                orders[f"random search {draw}"] = _search_at_random(known, rng)
            for name, order in orders.items():
                curve = regret(np.array([scores[c] for c in order]), best, median)
                spent = np.cumsum([seconds[c] for c in order])
                if order:  # a design that has ended gets no better
                    rest = (0, max(0, max(TRIALS) - len(order)))
                    curve, spent = np.pad(curve, rest, mode="edge"), np.pad(spent, rest, mode="edge")
                about = {"dataset": record.name, "design": name.rstrip("0123456789 "), "draw": name}
                rows += [
                    {**about, "trial": k, "regret": value, "seconds": s}
                    for k, (value, s) in enumerate(zip(curve, spent, strict=True), 1)
                ]
    table = pd.DataFrame(rows)
    if out is not None:
        table.to_csv(out, index=False)
    _show(table)
    if plot is not None:
        _plot(table, plot)


def _plot(table: pd.DataFrame, path: Path) -> None:
    """Mean regret by trials and by seconds, one line a design."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    by_trial, by_second = figure.subplots(1, 2, sharey=True)
    for design, rows in table.groupby("design", sort=False):
        curve = rows[rows["trial"] <= max(TRIALS)].groupby("trial")["regret"].mean()
        by_trial.plot(curve.index, curve, label=design)
    grid = np.geomspace(SECONDS[0] / 4, 2 * SECONDS[-1], 40)
    for design, curve in _by_seconds(table, grid).iterrows():
        by_second.plot(grid, curve, label=design)
    for axes, unit in ((by_trial, "trials"), (by_second, "seconds of single folds")):
        axes.set(xscale="log", xlabel=unit, ylabel="mean regret")
        axes.grid(alpha=0.3)
    by_trial.legend(frameon=False)
    figure.savefig(path, dpi=110)


def _by_seconds(table: pd.DataFrame, moments: Sequence[float] | NDArray[np.float64]) -> pd.DataFrame:
    """Mean regret of each design after so many seconds, one column each."""
    whole = pd.MultiIndex.from_frame(table[["design", "dataset", "draw"]].drop_duplicates())
    found = {}
    for seconds in moments:
        done = table[table["seconds"] <= seconds].groupby(["design", "dataset", "draw"])["regret"].min()
        found[seconds] = done.reindex(whole).fillna(NOTHING).groupby("design", sort=False).mean()
    return pd.DataFrame(found)


def _show(table: pd.DataFrame) -> None:
    n = table["dataset"].nunique()
    console.print(f"{n} data sets; mean regret after so many trials", highlight=False)
    by_trial = table[table["trial"].isin(TRIALS)].pivot_table(index="design", columns="trial", values="regret")
    console.print(by_trial.round(3).to_string(), highlight=False)
    console.print("after so many seconds", highlight=False)
    console.print(_by_seconds(table, SECONDS).round(3).to_string(), highlight=False)
    for random in ("random search", "random draws"):
        slow = table[table["design"] == random].groupby("trial")["regret"].mean()
        for name, curve in table[table["trial"] == 10].groupby("design")["regret"]:
            needed = slow.index[slow <= curve.mean()]
            said = f"{needed[0]}" if len(needed) else f"more than {slow.index.max()}"
            console.print(f"{name}: with 10 trials what {random} reaches with {said}", highlight=False)


def _nothing_known(record: DatasetRecord) -> dict[str, float]:
    """Meta-features that tell little more than the kind of a data set."""
    return {"NumberOfClasses": float(record.traits.n_classes)}


if __name__ == "__main__":
    typer.run(main)
