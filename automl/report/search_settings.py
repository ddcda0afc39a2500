"""The part of section 6 about steps and hyperparameters: which of them made a difference in the search."""

from __future__ import annotations

from typing import Any

import pandas as pd

from automl.errors import AutoMLError
from automl.explain.hyperparameters import LEAST_SHARE, hyperparameter_importance, setting_label
from automl.report.model import ReportedModel
from automl.report.search_data import SettingImportance, SettingsPart
from automl.report.words import clean

_MAX_SETTINGS = 15
_FEW = 50  # configurations, below which the note says that the shares are rough


def make_settings_part(estimator: ReportedModel) -> SettingsPart | None:
    """Return the importance of steps and hyperparameters; None if the model was loaded without its search."""
    if "history_" not in vars(estimator):
        return None
    try:
        table = hyperparameter_importance(estimator)
    except AutoMLError as error:
        return SettingsPart(f"It is not known here: {clean(str(error).split('; ')[0])}.")
    rows = [_row(entry) for entry in table.to_dict("records") if entry["importance"] >= LEAST_SHARE]
    steps = tuple(row for row in rows if row.kind == "step")
    settings = tuple(row for row in rows if row.kind != "step")[:_MAX_SETTINGS]
    if not rows:
        return SettingsPart("All configurations have nearly the same score, so that no setting makes a difference.")
    return SettingsPart(_note(table), steps, settings)


def _row(entry: dict[Any, Any]) -> SettingImportance:
    name = setting_label(str(entry["name"]), entry["kind"])
    importance, std = (float(f"{entry[key]:.4g}") for key in ("importance", "std"))
    return SettingImportance(name, entry["kind"], importance, std, int(entry["n_configurations"]))


def _note(table: pd.DataFrame) -> str:
    n = int(table["n_configurations"].max())
    rough = f" With only {n} configurations, the shares are rough." if n < _FEW else ""
    return (
        "The share of the differences between the scores that a setting explains by itself, averaged over the whole "
        "search space (functional ANOVA). A setting of one model family counts with the share of the space in which "
        f"this family is. The shares do not add up to 100 %: the rest belongs to combinations.{rough}"
    )
