"""What functions may use of a fitted estimator beside `FittedModel`: its training rows, and what `refit` sets."""

from __future__ import annotations

from typing import TypeVar

from automl.checks.predictions import RowPredictions
from automl.checks.warning import DataWarning
from automl.ensemble.fitted_model import FittedModel
from automl.refit.members import FitFacts
from automl.refit.report import RefitReport
from automl.refit.rows import KeptRows
from pipelines.configuration import Configuration


class ModelWithRows(FittedModel):
    """A fitted estimator with its training rows and their warnings; it declares types only, as `FittedModel` does."""

    _rows: KeptRows | None
    _row_predictions: RowPredictions | None
    _warnings: list[DataWarning]
    _refit_facts: dict[Configuration, FitFacts]  # only after a refit on new rows
    refit_report_: RefitReport  # only after a refit


RefitModel = TypeVar("RefitModel", bound=ModelWithRows)
