"""The figures of a fitted estimator: what they draw, and into which axes."""

from __future__ import annotations

import warnings
from functools import partial

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from automl import AutoMLClassifier, AutoMLRegressor, plots
from automl.errors import InvalidInputError
from tests.explain.test_importance import make_rows
from tests.factories import FAST


@pytest.fixture(scope="module")
def reg():
    return AutoMLRegressor(**(FAST | {"max_trials": 2})).fit(*make_rows())


@pytest.fixture(scope="module")
def two():
    X, y = make_rows()
    return AutoMLClassifier(**(FAST | {"max_trials": 2})).fit(X, np.where(y > 1.5, "yes $", "no"))


@pytest.fixture(scope="module")
def three():
    X, y = make_rows()
    return AutoMLClassifier(**(FAST | {"max_trials": 2})).fit(X, np.digitize(y, [0, 3]))


@pytest.fixture(scope="module")
def nine():
    rng = np.random.default_rng(0)
    codes = np.arange(180) % 9
    X = pd.DataFrame({"a": codes + rng.normal(size=180), "b": rng.normal(size=180)})
    settings = FAST | {"max_trials": 1, "include": ["logistic_regression"]}
    return AutoMLClassifier(**settings).fit(X, [f"class {code}" for code in codes])


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def drawn(ax):
    """Draw the figure, which reports texts that matplotlib cannot lay out."""
    ax.figure.canvas.draw()
    return ax


def test_each_figure_is_drawn_into_the_given_axes(reg, two):
    explanation = reg.explain(make_rows(seed=1)[0][:2], max_evaluations=50)
    table = reg.importance(n_repeats=1)
    settings = pd.DataFrame(
        [("model", "step", 0.6, 0.1, 12), ("model:ridge:alpha", "hyperparameter", 0.2, 0.3, 7)],
        columns=["name", "kind", "importance", "std", "n_configurations"],
    )
    figures = [
        lambda ax: plots.importance(reg, table, ax=ax),
        lambda ax: plots.partial_dependence(reg, "day", ax=ax),
        lambda ax: plots.residuals(reg, ax=ax),
        lambda ax: plots.score_over_time(reg, ax=ax),
        lambda ax: plots.score_against_latency(reg, ax=ax),
        lambda ax: plots.hyperparameter_importance(reg, settings, ax=ax),
        lambda ax: plots.waterfall(explanation, ax=ax),
        lambda ax: plots.confusion_matrix(two, ax=ax),
        lambda ax: plots.roc(two, ax=ax),
        lambda ax: plots.precision_recall(two, ax=ax),
        lambda ax: plots.calibration(two, ax=ax),
    ]
    assert len(figures) == len(plots.__all__)
    for draw in figures:
        ax = plt.figure().add_subplot()
        assert draw(ax) is ax
        assert ax.has_data()
        assert drawn(ax).get_title()


def test_figures_of_three_classes_have_one_curve_for_each_class(three):
    assert len(drawn(plots.roc(three)).lines) == 4  # and the diagonal
    assert len(plots.precision_recall(three).lines) == 3
    assert plots.partial_dependence(three, "city").get_legend_handles_labels()[1] == ["0", "1", "2"]
    assert drawn(plots.confusion_matrix(three, normalize=True)).texts[0].get_text().endswith("%")


def test_the_axis_of_a_score_of_one_class_names_the_class():
    X, y = make_rows()
    settings = FAST | {"max_trials": 1, "include": ["decision_tree"], "scoring": "f1"}
    clf = AutoMLClassifier(**settings).fit(X, np.where(y > 1.5, "yes $", "no"))
    assert drawn(plots.score_over_time(clf)).get_ylabel() == r"f1 of class 'yes \$'"


def test_the_confusion_matrix_counts_rows_of_the_user(two):
    X, y = make_rows(seed=1)
    labels = np.where(y > 1.5, "yes $", "no")
    counts = [text.get_text() for text in plots.confusion_matrix(two, X, labels).texts]
    predicted = two.predict(X)
    expected = [((labels == a) & (predicted == b)).sum() for a in two.classes_ for b in two.classes_]
    assert counts == [f"{count:,}" for count in expected]


def test_figures_take_weights_of_which_one_is_positive(reg, two):
    X, y = make_rows(seed=1)
    labels, weight = np.where(y > 1.5, "yes $", "no"), np.arange(len(y)) == 3
    texts = [text.get_text() for text in plots.confusion_matrix(two, X, labels, weight).texts]
    assert sorted(texts) == ["0", "0", "0", "1"]
    with warnings.catch_warnings(action="ignore"):  # of scikit-learn: a curve needs rows of both classes
        for draw in (plots.calibration, plots.precision_recall, plots.roc):
            assert drawn(draw(two, X, labels, weight)).has_data()
    assert len(drawn(plots.residuals(reg, X, y, weight)).collections[0].get_offsets()) == 1


def test_titles_count_the_rows_with_a_positive_weight(reg, two):
    X, y = make_rows(seed=1)
    labels, weight = np.where(y > 1.5, "yes $", "no"), np.arange(len(y)) < 40
    titles = [plots.residuals(reg, X, y, weight).get_title()]
    for draw in (plots.confusion_matrix, plots.roc, plots.precision_recall, plots.calibration):
        titles.append(draw(two, X, labels, weight).get_title())
    assert [title.partition("(")[2] for title in titles] == ["40 rows)"] * 5
    trained = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, y, sample_weight=weight)
    assert plots.residuals(trained).get_title() == "Residuals (40 rows, out of fold)"


@pytest.mark.slow
def test_many_classes_share_a_cell_of_the_confusion_matrix():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 50
    X = np.column_stack([y + 0.1 * rng.normal(size=400), rng.normal(size=400)])
    clf = AutoMLClassifier(**{**FAST, "max_trials": 1, "include": ["decision_tree"]}).fit(X, y)
    labels = [text.get_text() for text in drawn(plots.confusion_matrix(clf)).get_yticklabels()]
    assert len(labels) == 40
    assert labels[-1] == "(others)"


def test_the_points_of_smaller_ensembles_have_the_numbers_that_choose_takes(reg):
    ax = drawn(plots.score_against_latency(reg))
    numbers = [str(row) for row in reg.frontier_.index]
    assert sorted(text.get_text() for text in ax.texts) == numbers
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [line.split(":")[0] for line in shown[-len(numbers) :]] == numbers
    assert shown[-1].endswith(reg.choose(int(numbers[-1]))._ensemble.bags[0].configuration.family)


def test_the_waterfall_ends_at_the_prediction(reg):
    X, _ = make_rows(seed=1)
    explanation = reg.explain(X[:2], max_evaluations=50)
    ax = drawn(plots.waterfall(explanation, row=1, max_columns=2))
    widths = [patch.get_width() for patch in ax.patches]
    assert explanation.base + sum(widths) == pytest.approx(reg.predict(X[1:2])[0])
    assert [text.get_text() for text in ax.get_yticklabels()][-1] == "4 other columns"
    with pytest.raises(InvalidInputError, match="row=5"):
        plots.waterfall(explanation, row=5)


def test_an_error_is_the_prediction_minus_the_true_value_as_in_the_report(reg):
    X, y = make_rows(seed=1)
    points = np.asarray(plots.residuals(reg, X, y - 10).collections[0].get_offsets())
    assert (points[:, 1] > 0).all()
    assert points[:, 1] == pytest.approx(reg.predict(X) - y + 10)


def test_partial_dependence_names_levels_and_dates(reg):
    labels = [text.get_text() for text in drawn(plots.partial_dependence(reg, "city")).get_xticklabels()]
    assert [label.split("\n")[0] for label in labels] == ["Oslo", "Rome"]
    ax = plots.partial_dependence(reg, "day")
    assert "2024" in ax.xaxis.get_major_formatter().format_data_short(ax.get_xlim()[0]) or ax.get_xlim()[0] > 19_000
    rising = plots.partial_dependence(reg, "strong").lines[-2].get_ydata()
    assert rising[-1] > rising[0]


@pytest.mark.parametrize(("column", "message"), [("none", "no column 'none'"), ("same", "not used")])
def test_partial_dependence_of_a_column_that_has_none_is_refused(reg, column, message):
    with pytest.raises(InvalidInputError, match=message):
        plots.partial_dependence(reg, column)


def test_a_figure_for_the_other_kind_of_estimator_is_refused(reg, two):
    with pytest.raises(InvalidInputError, match="for a classifier"):
        plots.roc(reg)
    with pytest.raises(InvalidInputError, match="for a regressor"):
        plots.residuals(two)


def test_out_of_fold_rows_are_predicted_by_fold_models_after_a_refit(two):
    again = two.refit()
    assert "out of fold" in plots.calibration(again).get_title()


@pytest.mark.parametrize("name", ["roc", "precision_recall", "calibration"])
def test_a_label_that_is_no_class_is_refused(two, name):
    with pytest.raises(InvalidInputError, match="label='typo' is no class; the classes are"):
        getattr(plots, name)(two, label="typo")


def test_the_expected_score_ends_with_the_trials_of_a_repeatable_run():
    reg = AutoMLRegressor(**(FAST | {"max_trials": 4})).fit(*make_rows())
    ax = plots.score_over_time(reg)
    trials = next(line for line in ax.lines if line.get_label() == "best so far").get_xdata()
    expected = next(line for line in ax.lines if line.get_marker() == "o").get_xdata()
    assert expected[-1] == pytest.approx(sum(result.seconds for result in reg.history_))
    assert trials[-1] <= expected[-1] * 1.001


def test_rows_of_weight_0_choose_no_values_of_a_partial_dependence():
    X, y = make_rows()
    X.loc[:9, "strong"] = 1000.0
    weight = np.r_[np.zeros(10), np.ones(len(y) - 10)]
    reg = AutoMLRegressor(**(FAST | {"max_trials": 1})).fit(X, y, sample_weight=weight)
    ax = plots.partial_dependence(reg, "strong")
    assert max(line.get_xdata().max() for line in ax.lines) < 100


def test_a_class_has_one_color_in_all_figures_and_titles_say_how_many_classes_are_drawn(nine):
    colors = {}
    for draw in (plots.roc, plots.precision_recall, partial(plots.partial_dependence, column="a")):
        ax = drawn(draw(nine))
        assert "8 of 9 classes" in ax.get_title()
        for line, label in zip(*ax.get_legend_handles_labels(), strict=True):
            if label.startswith("class"):
                colors.setdefault(label.split(":")[0], set()).add((line.get_color(), line.get_linestyle()))
    assert all(len(each) == 1 for each in colors.values())
    assert len({color for each in colors.values() for color in each}) == len(colors)


def test_the_legend_of_many_classes_lies_beside_the_curves(nine, two):
    for draw in (plots.roc, plots.precision_recall, partial(plots.partial_dependence, column="a")):
        ax = drawn(draw(nine))
        assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1
        assert ax.get_legend().get_window_extent().x1 <= ax.figure.bbox.x1
        own = drawn(draw(nine, ax=plt.figure().add_subplot()))  # without a layout, which would make room
        assert own.get_legend().get_window_extent().x1 <= own.figure.bbox.x1
    assert "classes" not in plots.roc(two).get_title()
