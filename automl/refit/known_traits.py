"""The traits of rows for a fitted estimator, whose metric and parameters say what the members of its ensemble learn."""

from __future__ import annotations

from dataclasses import replace

from automl.ensemble.fitted_model import FittedModel
from automl.task.monotonic import monotonic_traits
from automl.task.noisy_labels import with_noise
from automl.task.training_losses import suited_traits
from pipelines.component import TableTraits, task_type
from pipelines.table.reader import TableReader


def kept_traits(estimator: FittedModel, weighted: bool, n_rows: int | None = None) -> TableTraits:
    """Return the traits of the rows that a fitted estimator has read.

    Parameters
    ----------
    n_rows : int, optional
        Number of the rows, if the holdout rows of a guard are among them.
    """
    ensemble, reader = estimator._ensemble, estimator._reader
    traits = reader.traits(task_type(ensemble.n_classes), ensemble.n_classes, weighted, n_rows)
    return known_traits(estimator, replace(traits, targets=ensemble.targets), reader)


def known_traits(estimator: FittedModel, traits: TableTraits, reader: TableReader) -> TableTraits:
    """Return the traits of rows with the losses, the constraints and the expected noise of a fitted estimator.

    Parameters
    ----------
    traits : TableTraits
        The traits of the rows and of their target.
    reader : TableReader
        The fitted reader of the rows.
    """
    traits = suited_traits(traits, estimator._metric)
    classes = getattr(estimator, "classes_", None)
    # Models of earlier versions lack the parameters.
    monotonic, noisy = getattr(estimator, "monotonic", None), getattr(estimator, "noisy_labels", False)
    return with_noise(monotonic_traits(traits, reader, monotonic, classes, estimator.positive_label), noisy)
