"""The attribute of a fitted classifier that comes from the checks of the data."""

from __future__ import annotations

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from automl.checks.labels import suspect_table
from automl.checks.predictions import RowPredictions
from automl.ensemble.attribute_rules import Subject
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.missing import NOT_READ, why_missing


class SuspectLabels(FittedModel):
    """The attribute `suspect_labels_` of the classifier."""

    _row_predictions: RowPredictions | None

    @property
    def suspect_labels_(self) -> pd.DataFrame:
        """
        Training rows whose label is probably wrong, the most suspicious first.

        The method is confident learning on the out-of-fold probabilities of the ensemble. It cannot tell a wrong label
        from a row that is an exception; look at the first rows.

        Returns
        -------
        DataFrame
            One row for each suspicious label: ``row`` (position in the training table), ``given`` (its label),
            ``likelier`` (the label that the probabilities suggest) and ``probability`` (of the likelier label).

        Raises
        ------
        AttributeError
            If the fit was interrupted, after `refit` with new rows, if the model was loaded for prediction only, or if
            there are several targets.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> y[3] = 2
        >>> clf = AutoMLClassifier(
        ...     time_budget=None, max_trials=1, include=["lda"], n_jobs=1, random_state=0, verbose=0
        ... ).fit(X, y)
        >>> 3 in set(clf.suspect_labels_["row"])
        True
        """
        check_is_fitted(self, "_ensemble")
        if self._ensemble.targets is not None:
            raise AttributeError("suspect_labels_ is for one target, but y has several targets")
        record: RowPredictions | None = vars(self).get("_row_predictions")
        if record is None:
            raise AttributeError(f"there are no suspect_labels_: {why_missing(self, NOT_READ, Subject.MEMBERS)}")
        return suspect_table(record, self.classes_)
