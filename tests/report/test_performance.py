"""Section 3 of a report: what the model does on rows that its models have not seen."""

import numpy as np
import pytest
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLClassifier, AutoMLRegressor, load, plots
from automl.report.collect import collect
from automl.report.performance import out_of_fold_performance, scores_by_metric
from automl.report.render import to_html
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


@pytest.mark.parametrize(("guard", "in_time_order"), [(None, False), (0.2, False), (None, True)])
def test_the_quantiles_of_a_report_have_the_coverage_of_quantile_scores(guard, in_time_order):
    X, y = make_rows(400)
    days = np.random.default_rng(1).permutation(400) if in_time_order else None
    reg = AutoMLRegressor(**ONE | {"include": ["ridge"], "quantiles": [0.1, 0.5, 0.9]}, guard=guard)
    reg.fit(X, y, time=days)
    (performance,), _ = out_of_fold_performance(reg)
    assert [row.coverage for row in performance.coverage] == pytest.approx(reg.quantile_scores_["coverage"], abs=1e-4)


@pytest.fixture(scope="module")
def weighted():
    X, y = make_rows(300)
    return X, y, np.r_[np.zeros(30), np.full(90, 1.0), np.full(180, 3.0)]


def test_all_figures_of_weighted_classes_use_the_weights_as_the_plots_do(weighted):
    X, y, weight = weighted
    clf = AutoMLClassifier(**ONE | {"include": ["logistic_regression"], "scoring": "average_precision"})
    (performance,), _ = out_of_fold_performance(clf.fit(X, y > 0.5, sample_weight=weight))
    found = performance.classification
    assert performance.n_rows == 270
    assert found.precision_recall[0].area == pytest.approx(performance.score.value, rel=1e-4)
    assert f"area {found.roc[0].area:.3f}" in plots.roc(clf).get_legend().get_texts()[0].get_text()
    counts = np.zeros((2, 2))
    for true, predicted, n in found.confusion:
        counts[true, predicted] = n
    assert counts.sum() == pytest.approx(270, abs=2)
    assert [int(text.get_text()) for text in plots.confusion_matrix(clf).texts] == counts.ravel().tolist()
    assert found.accuracy == pytest.approx(np.trace(counts) / 270, abs=0.01)
    assert found.sweep.n_positive == counts[1].sum()
    assert found.classes[1].recall == pytest.approx(counts[1, 1] / counts[1].sum(), abs=0.02)


def test_all_errors_of_weighted_numbers_use_the_weights(weighted):
    X, y, weight = weighted
    reg = AutoMLRegressor(**ONE | {"include": ["ridge"], "scoring": ["neg_mean_absolute_error", "r2"]})
    (performance,), _ = out_of_fold_performance(reg.fit(X, y, sample_weight=weight))
    assert performance.regression.mean_absolute_error == pytest.approx(performance.score.value, rel=1e-4)
    assert performance.regression.r2 == pytest.approx(reg.metric_scores_["score"][1], rel=1e-4)
    assert sum(performance.regression.histogram) == pytest.approx(270, abs=15)


@pytest.mark.slow
def test_the_page_says_how_many_of_many_classes_have_a_curve():
    X, _ = make_rows(180)
    clf = AutoMLClassifier(**ONE | {"include": ["decision_tree"]}).fit(X, np.arange(180) % 9)
    page = to_html(collect(clf))
    assert "Precision and recall (6 of 9 classes)" in page
    assert "against false alarms (6 of 9 classes)" in page
