"""The place that a warning names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from automl import AutoMLClassifier
from automl.errors import RareClassWarning
from tests.factories import FAST


@pytest.mark.parametrize("wrap", [lambda model: model, make_pipeline])
def test_a_warning_points_to_the_line_of_the_user(wrap):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    y = np.where(X["a"] > 0, "yes", "no")
    y[0] = "rare"
    model = wrap(AutoMLClassifier(**FAST | {"include": ["decision_tree"], "max_trials": 1}))
    with pytest.warns(RareClassWarning) as warned:
        model.fit(X, y)
    assert [one.filename for one in warned if one.category is RareClassWarning] == [__file__]
    with pytest.warns(UserWarning, match="does not have valid feature names") as warned:
        model.predict(X.to_numpy())
    assert [one.filename for one in warned if "feature names" in str(one.message)] == [__file__]
    with pytest.warns(UserWarning, match="does not have valid feature names") as warned, ThreadPoolExecutor(1) as pool:
        pool.submit(model.predict, X.to_numpy()).result()
    assert all("threading" not in one.filename and "concurrent" not in one.filename for one in warned)
    with pytest.warns(UserWarning, match="does not have valid feature names") as warned, ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: model.predict(X.to_numpy())).result()
    assert [one.filename for one in warned if "feature names" in str(one.message)] == [__file__]
