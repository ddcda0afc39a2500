"""Section 3 of a report: what the model does on rows that its models have not seen."""

import numpy as np
import pytest
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLClassifier, AutoMLRegressor, load, plots
from automl.report.performance import out_of_fold_performance, scores_by_metric
from tests.factories import FAST

ONE = FAST | {"max_trials": 1}


def make_rows(n_rows=120, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    return X, X[:, 0] + rng.normal(0, 0.5, n_rows)


@pytest.mark.parametrize("order", ["time", "cv"])
def test_a_report_of_rows_in_the_order_of_time_shows_the_rows_that_the_folds_have_scored(order, tmp_path):
    X, y = make_rows()
    cv = TimeSeriesSplit(3) if order == "cv" else 3
    clf = AutoMLClassifier(**ONE | {"include": ["decision_tree"], "scoring": ["neg_log_loss", "accuracy"], "cv": cv})
    clf.fit(X, y > 0, time=np.arange(120)[::-1] if order == "time" else None)
    clf.save(tmp_path / "model")
    for model in (clf, load(tmp_path / "model")):
        (performance,), reason = out_of_fold_performance(model)
        assert reason == ""
        assert performance.score.value == scores_by_metric(model)[0].score
        assert performance.score.low is None  # neighboring rows are alike
        assert performance.classification.accuracy == pytest.approx(scores_by_metric(model)[1].score, abs=1e-4)
        assert "older rows" in performance.note
        assert f"({performance.n_rows} rows, out of fold)" in plots.confusion_matrix(model).get_title()


def test_a_report_of_a_fit_with_validation_rows_counts_the_worst_rows_in_their_table():
    X, y = make_rows()
    X_val, y_val = make_rows(40, seed=1)
    reg = AutoMLRegressor(**ONE | {"include": ["ridge"], "cv": None}).fit(X, y, X_val=X_val, y_val=y_val)
    (performance,), _ = out_of_fold_performance(reg)
    assert (performance.title, performance.n_rows) == ("Validation rows", 40)
    worst = performance.regression.worst
    assert [row.truth for row in worst] == pytest.approx(y_val[[row.row for row in worst]], rel=1e-4)


def test_a_report_of_rows_in_the_order_of_time_shows_quantiles_and_each_target():
    X, y = make_rows()
    reg = AutoMLRegressor(**ONE | {"include": ["ridge"], "quantiles": [0.1, 0.5, 0.9]})
    (performance,), _ = out_of_fold_performance(reg.fit(X, y, time=np.arange(120)))
    assert [row.level for row in performance.coverage] == [0.1, 0.5, 0.9]
    reg = AutoMLRegressor(**ONE | {"include": ["ridge"]}).fit(X, np.column_stack([y, -y]), time=np.arange(120))
    assert len(out_of_fold_performance(reg)[0]) == 2
