"""What a search has cost: seconds of processors and GPUs, memory, energy and CO2, by model family and by fate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from automl.energy import Energy, estimated_energy
from automl.ensemble.fitted_model import FittedModel
from automl.plurals import short_number
from automl.trials.history import RunHistory
from automl.trials.trial_costs import Fate, trial_costs
from pipelines.configuration import Configuration

OWN_WORK = "search and ensemble"  # the fate of the work of the process that called `fit`
_COLUMNS = ("family", "fate", "fits", "seconds", "processor_seconds", "gpu_seconds", "peak_memory")


def make_costs(
    history: RunHistory,
    weights: Mapping[Configuration, float],
    own_seconds: float = np.nan,
    energy: Energy | None = None,
) -> pd.DataFrame:
    """Return the costs of a search; see `Costs.costs_`.

    Parameters
    ----------
    history : RunHistory
    weights : mapping of Configuration to float
        The weights in the ensemble.
    own_seconds : float
        Processor seconds of the process that called `fit`; NaN if they are not known.
    energy : Energy, optional
        The measured energy of the whole fit, which is divided by the seconds; by default it is estimated.
    """
    rows = [
        (c.family, c.fate.value, c.n_fits, c.seconds, c.processor_seconds, c.gpu_seconds, c.peak_memory)
        for c in trial_costs(history, weights)
    ]
    if np.isfinite(own_seconds):
        rows.append(("", OWN_WORK, 0, np.nan, own_seconds, 0.0, np.nan))
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    busy, on_gpu = table["processor_seconds"].astype(float), table["gpu_seconds"].astype(float)
    energy = energy or estimated_energy(busy.sum(), on_gpu.sum())
    gpu_shares = _shares(on_gpu if on_gpu.sum() > 0 else busy)
    watt_hours = energy.processors * _shares(busy) + energy.gpus * gpu_shares
    grams_each = energy.grams / energy.watt_hours if energy.watt_hours else 0.0
    return table.assign(watt_hours=watt_hours, co2_grams=grams_each * watt_hours, energy=energy.source)


def _shares(seconds: pd.Series) -> pd.Series:
    """Return the shares of seconds in their sum; NaN where the seconds are not known."""
    return seconds / (seconds.sum() or 1.0)


def costs_line(estimator: Costs) -> str:
    """Return the costs of a fitted estimator in one line; empty where the processor seconds are not known."""
    table = estimator.costs_
    seconds = table["processor_seconds"].sum(skipna=False)
    if not seconds > 0:
        return ""
    by_fate = table.groupby("fate", sort=False)["processor_seconds"].sum()
    shares = ", ".join(f"{by_fate[fate] / seconds:.0%} {fate}" for fate in (*Fate, OWN_WORK) if fate in by_fate)
    parts = [f"{short_number(seconds, 2)} processor seconds ({shares})"]
    if (on_gpu := table["gpu_seconds"].sum()) > 0:
        parts.append(f"{on_gpu:,.0f} GPU seconds")
    parts.append(f"at most {table['peak_memory'].max():,.0f} MiB for a trial")
    energy, grams = (short_number(table[name].sum(), 2) for name in ("watt_hours", "co2_grams"))
    parts.append(f"{energy} Wh, {grams} g of CO2 ({table['energy'].iloc[0]})")
    return f"costs: {'; '.join(parts)}"


class Costs(FittedModel):
    """The costs of a search."""

    @property
    def costs_(self) -> pd.DataFrame:
        """
        What the search has cost, by model family and by what became of the work.

        A worker measures each trial. Trials that still ran when the search ended are not in it, and neither is the
        start of the worker processes.

        Returns
        -------
        DataFrame
            A row for each family and ``fate``: "in the ensemble", "dropped" (finished folds of configurations outside
            of it) or "thrown away" (trials that failed, or ended at a limit); at last a row for the process that called
            `fit`. Its columns are ``fits``, ``seconds`` (by the clock), ``processor_seconds``, ``gpu_seconds`` (in
            which a training had a GPU), ``peak_memory`` (MiB), ``watt_hours``, ``co2_grams`` and ``energy``, which says
            what was measured. Values that an earlier version has not measured are NaN.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.costs_[["family", "fate", "fits"]].values.tolist()
        [['ridge', 'in the ensemble', 8], ['', 'search and ensemble', 0]]
        """
        check_is_fitted(self, "_ensemble")
        known = vars(self)
        weights = known["_ensemble"].weights
        return make_costs(self.history_, weights, known.get("_own_processor_seconds", np.nan), known.get("_energy"))
