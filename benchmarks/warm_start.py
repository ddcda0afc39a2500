"""Measure the value of the meta-database: the regret of initial designs, replayed on the recorded results.

Each data set in turn is treated as new. The data set and its whole family of near-duplicates are hidden from the
recommendation, designs are made for the data set, and the scores of their configurations are looked up. The regret is 0
at the best score of all configurations that were measured on the data set, 1 at their median, and at most 2. Random
designs hold configurations that were drawn from the space, without the hand-made ones. In "random draws" their order is
random, so that families with many recorded draws come often; in "random search" each family comes equally often.

Example: python -m benchmarks.warm_start --plot warm_start.png
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

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
SECONDS = (0.25, 0.75, 2.5, 7.5)  # seconds of single folds, one after another
NOTHING = 2.0  # regret before the first trial has ended
_DRAWS = 20  # orders of each random design
_ALL = 10**6  # let the meta-database advise every trial; other configurations were not measured
_LEAST = 90  # least number of configurations measured on a data set, enough to judge 50 trials


def regret(scores: NDArray[np.float64], best: float, median: float) -> NDArray[np.float64]:
    """Return the regret after each trial; a trial without a score changes nothing."""
    so_far = np.maximum.accumulate(np.where(np.isnan(scores), -np.inf, scores))
    return np.clip((best - so_far) / max(best - median, 1e-12), 0.0, 2.0)


def designs(
    database: MetaDatabase, record: DatasetRecord, scores: Mapping[Configuration, float], budget: float
) -> dict[str, list[Configuration]]:
    """Return the configurations of each design for a data set, in order, if they were measured on it."""
    space, traits = build_space(record.traits), record.traits
    left_out = {record.family}

    def cost(configuration: Configuration) -> float:
        return predicted_seconds(configuration, traits)

    def advise(qualities: Mapping[str, float], patience: float = PATIENCE * budget) -> Recommendation:
        metric = RANKED_BY[traits.task]
        return recommend([database], MetaFeatures(qualities), space, metric, cost, patience, left_out)

    def replay(advice: Recommendation) -> list[Configuration]:
        searcher = SmacSearcher(space, initial=advice.configurations, posterior=advice.posterior, n_advised=_ALL)
        return _replay(searcher, scores)

    # The results on a long table were measured on a part of its rows.
    qualities = {**record.qualities, "NumberOfInstances": float(traits.n_rows)}
    advice = advise(qualities)
    orders = {
        "warm start": replay(advice),
        "the same regardless of seconds": replay(advise(qualities, patience=1e6)),
        "the same in a fixed order": advice.configurations,
        "the same for any table": advise(_only_classes(record)).configurations,
        "hand-made portfolio": default_portfolio(space, RuntimeModel(traits, 1.0), Budget(budget)),
    }
    return {name: [c for c in order if c in scores] for name, order in orders.items()}


def _search_at_random(known: Sequence[Configuration], rng: np.random.Generator) -> list[Configuration]:
    """Draw a family uniformly, then one of its configurations, with replacement."""
    families = sorted({configuration.family for configuration in known})
    own = {family: [c for c in known if c.family == family] for family in families}
    return [own[family][rng.integers(len(own[family]))] for family in rng.choice(families, _LEAST)]


def _replay(searcher: SmacSearcher, scores: Mapping[Configuration, float]) -> list[Configuration]:
    """Return the configurations that a searcher tries on advice of the meta-database, given the recorded scores."""
    history = RunHistory()
    while (trials := searcher.suggest(history, 1)) and trials[0].origin == "initial":
        score = scores.get(trials[0].configuration)
        folds = {} if score is None else {0: FoldResult(-score, 0.0, 0.0)}
        history.append(TrialResult(trials[0], Status.CRASH if score is None else Status.OK, folds, 0.0))
    return list(history.evaluations)


def main(
    file: Annotated[Path, typer.Option(help="File of the meta-database.")] = SHIPPED,
    budget: Annotated[float, typer.Option(help="Time budget in seconds for which the designs are made.")] = 60.0,
    out: Annotated[
        Path | None, typer.Option(help="CSV file to write: one row for each data set, design and trial.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="PNG file to write.")] = None,
) -> None:
    """Replay initial designs, and print their mean regret."""
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
                if order:  # after its last configuration the regret of a design stays the same
                    rest = (0, max(0, max(TRIALS) - len(order)))
                    curve, spent = np.pad(curve, rest, mode="edge"), np.pad(spent, rest, mode="edge")
                about = {"dataset": record.name, "design": name.rstrip("0123456789 "), "draw": name}
                rows += [
                    {**about, "trial": k, "regret": value, "seconds": s}
                    for k, (value, s) in enumerate(zip(curve, spent, strict=True), 1)
                ]
    if not rows:
        raise SystemExit(f"'{file}' holds no data set with at least {_LEAST} results")
    table = pd.DataFrame(rows)
    if out is not None:
        table.to_csv(out, index=False)
    _show(table)
    if plot is not None:
        _plot(table, plot)


def _plot(table: pd.DataFrame, path: Path) -> None:
    """Draw the mean regret by trials and by seconds, with one line for each design."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    by_trial, by_second = figure.subplots(1, 2, sharey=True)
    for design, rows in table.groupby("design", sort=False):
        curve = rows[rows["trial"] <= max(TRIALS)].groupby("trial")["regret"].mean()
        by_trial.plot(curve.index, curve, label=design)
    grid = np.geomspace(SECONDS[0] / 4, 2 * SECONDS[-1], 40)
    curves = _by_seconds(table, grid)
    for design in curves.index:
        by_second.plot(grid, curves.loc[design], label=design)
    for axes, unit in ((by_trial, "trials"), (by_second, "seconds of single folds")):
        axes.set(xscale="log", xlabel=unit, ylabel="mean regret")
        axes.grid(alpha=0.3)
    by_trial.legend(frameon=False)
    figure.savefig(path, dpi=110)


def _by_seconds(table: pd.DataFrame, moments: Sequence[float] | NDArray[np.float64]) -> pd.DataFrame:
    """Return the mean regret of each design after so many seconds, with one column for each number of seconds."""
    whole = pd.MultiIndex.from_frame(table[["design", "dataset", "draw"]].drop_duplicates())
    means = {}
    for seconds in moments:
        done = table[table["seconds"] <= seconds].groupby(["design", "dataset", "draw"])["regret"].min()
        means[seconds] = done.reindex(whole).fillna(NOTHING).groupby("design", sort=False).mean()
    return pd.DataFrame(means)


def _show(table: pd.DataFrame) -> None:
    n = table["dataset"].nunique()
    print(f"{n} data sets; mean regret after so many trials")
    by_trial = table[table["trial"].isin(TRIALS)].pivot_table(index="design", columns="trial", values="regret")
    print(by_trial.round(3).to_string())
    print("after so many seconds")
    print(_by_seconds(table, SECONDS).round(3).to_string())
    for random in ("random search", "random draws"):
        slow = table[table["design"] == random].groupby("trial")["regret"].mean()
        for name, curve in table[table["trial"] == 10].groupby("design")["regret"]:
            needed = slow.index[slow <= curve.mean()]
            n_trials = f"{needed[0]}" if len(needed) else f"more than {slow.index.max()}"
            print(f"{name}: 10 trials reach the regret that {random} reaches with {n_trials} trials")


def _only_classes(record: DatasetRecord) -> dict[str, float]:
    """Return the number of classes as the only meta-feature, so that the advice is the same for any table."""
    return {"NumberOfClasses": float(record.traits.n_classes)}


if __name__ == "__main__":
    typer.run(main)
