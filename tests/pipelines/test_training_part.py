"""States of trainings belong to the data that their models were trained on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes

from pipelines.models._boosting import BoostedRegressor, Boosting
from pipelines.models.catboost import CatBoost
from pipelines.models.hist_gradient_boosting import HistGradientBoosting
from pipelines.steps.multi_output import ChainedRegressors
from pipelines.training_part import TrainingPart

X, Y = np.random.default_rng(0).normal(size=(6, 3)), np.arange(6)
WEIGHTS = np.ones(6)


def state_after(first, second):
    """Return the state that the training on the second data gets after a part of a training on the first data."""
    part = TrainingPart(0.5)
    assert part.begin(*first) is None
    part.keep("state")
    return TrainingPart(1.0, part.states).begin(*second)


@pytest.mark.parametrize("table", [X, np.asfortranarray(X), sparse.csr_matrix(X), sparse.csc_matrix(X)])
def test_a_training_goes_on_with_the_same_data(table):
    assert state_after((table, Y, None), (table.copy(), Y.copy(), None)) == "state"
    assert state_after((table, Y, WEIGHTS), (table, list(Y), WEIGHTS.copy())) == "state"


@pytest.mark.parametrize("table", [X, sparse.csr_matrix(X)])
@pytest.mark.parametrize(
    "change",
    [
        lambda table: (table[:5], Y[:5], None),
        lambda table: (table[:, :2], Y, None),
        lambda table: (table[::-1], Y, None),
        lambda table: (table, Y[::-1], None),
        lambda table: (table, Y, WEIGHTS),
    ],
    ids=["rows", "columns", "order", "target", "weights"],
)
def test_a_training_on_other_data_begins_anew(table, change):
    assert state_after((table, Y, None), change(table)) is None


@pytest.mark.parametrize(
    "library",
    [HistGradientBoosting({"max_leaf_nodes": 4}), pytest.param(CatBoost({"depth": 2}), marks=pytest.mark.slow)],
    ids=["hist_gradient_boosting", "catboost"],
)
def test_a_chain_on_out_of_fold_predictions_in_parts_gives_the_models_of_a_training_at_once(library):
    table, target = load_diabetes(return_X_y=True)
    table, targets = table[:150, :4], np.column_stack([target, table[:, 5]])[:150]

    def chain(part):
        model = BoostedRegressor(library, Boosting(0.3, n_estimators=30, part=part))
        return ChainedRegressors([model, model], previous="out_of_fold").fit(table, targets)

    states = []
    for share in (1 / 9, 1 / 3, 1.0):
        part = TrainingPart(share, states)
        in_parts, states = chain(part), part.states
    np.testing.assert_allclose(in_parts.predict(table), chain(None).predict(table), rtol=1e-6, atol=1e-6)
