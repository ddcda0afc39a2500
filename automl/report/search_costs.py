"""The part of section 6 about the costs of the search."""

from __future__ import annotations

import pandas as pd

from automl.energy import GRAMS_PER_KILOWATT_HOUR, WATTS_OF_CORE, WATTS_OF_GPU
from automl.report.model import ReportedModel
from automl.report.search_data import CostRow, CostsPart
from automl.report.words import rounded
from automl.trials.history import RunHistory

_ESTIMATE = (
    f"Energy and CO2 are estimated, not measured: {WATTS_OF_CORE:g} W for a busy processor core, {WATTS_OF_GPU:g} W "
    f"for a GPU in use, and {GRAMS_PER_KILOWATT_HOUR:g} g of CO2 for each kWh."
)
_COUNTED = (
    "Each trial is measured in its worker. The start of the worker processes, and trials that still ran when the "
    "search ended, are not in it."
)

_NUMBERS = ("seconds", "processor_seconds", "gpu_seconds", "peak_memory", "watt_hours", "co2_grams")


def make_costs_part(estimator: ReportedModel) -> CostsPart | None:
    """Return the costs of a search; None if the model was loaded without it, or if nothing was measured."""
    history: RunHistory | None = vars(estimator).get("history_")
    if history is None:
        return None
    table = estimator.costs_
    if not table["processor_seconds"].sum() > 0:
        return None
    source = table["energy"].iloc[0]
    how = _ESTIMATE if source == "estimated" else f"Energy and CO2 of the whole fit are from {source}."
    rows = tuple(_row(values, values["family"], values["fate"]) for _, values in table.iterrows())
    added = table.drop(columns=["family", "fate", "energy"]).sum()
    added["peak_memory"] = table["peak_memory"].max()
    return CostsPart(f"{_COUNTED} {how}", rows, _row(added, "all", ""))


def _row(values: pd.Series, family: str, fate: str) -> CostRow:
    numbers = (rounded(values[name], 4) for name in _NUMBERS)
    return CostRow(family, fate, int(values["fits"]), *numbers)
