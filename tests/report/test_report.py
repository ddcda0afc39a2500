"""The report of an estimator: its content, the three forms, and what a hostile table does to it."""

import ast
import copy
import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import PosixPath

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, roc_auc_score
from sklearn.model_selection import RepeatedKFold, TimeSeriesSplit
from sklearn.tree import DecisionTreeRegressor

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.errors import AutoMLError, InvalidInputError
from automl.report.collect import collect
from automl.report.data import ColumnImportance, ImportanceSection
from automl.report.performance import out_of_fold_performance
from automl.report.render import section_titles, to_html, to_json, to_markdown
from automl.report.reproduce import make_reproduce_section
from automl.report.svg import draw, new_axes, style
from automl.report.verdict import make_verdict
from pipelines.component import Component
from tests.factories import FAST
from tests.report.pages import HOSTILE, Page, people


@pytest.fixture(scope="module")
def classifier():
    X, y = people()
    return AutoMLClassifier(**FAST, positive_label="buys").fit(X, y)


@pytest.fixture(scope="module")
def labeled_rows():
    return people(200, seed=1)


@pytest.fixture(scope="module")
def content(classifier, labeled_rows):
    section = ImportanceSection("shuffled", (ColumnImportance("age", 0.2, 0.1, 0.3, ("income",)),))
    return replace(collect(classifier, test=labeled_rows), importance=section)


@pytest.fixture(scope="module")
def html(content):
    return to_html(content)


@pytest.fixture(scope="module")
def regressor():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    return AutoMLRegressor(**FAST).fit(X, 3 * X[:, 0] + rng.normal(0, 0.5, 90)), X


@pytest.fixture(scope="module")
def hostile():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(90, len(HOSTILE))), columns=HOSTILE)
    X["city"] = rng.choice(HOSTILE, 90)
    y = pd.Series(np.array(HOSTILE)[np.arange(90) % len(HOSTILE)], name=HOSTILE[0])
    settings = FAST | {"max_trials": 1, "include": ["decision_tree"]}
    return AutoMLClassifier(**settings).fit(X, y)


def test_a_smaller_ensemble_whose_score_has_no_interval_shows_none(content):
    points = tuple(replace(point, low=None, high=None) for point in content.ensemble.frontier)
    assert points
    html = to_html(replace(content, ensemble=replace(content.ensemble, frontier=points)))
    assert "– to –" not in html


def test_the_verdict_compares_the_expected_score_with_simple_and_constant_predictions(classifier, content, html):
    verdict, estimate = content.verdict, classifier.estimate_
    assert verdict.expected.value == pytest.approx(estimate.score, rel=1e-5)
    assert (verdict.expected.low, verdict.expected.high) == pytest.approx((estimate.low, estimate.high), rel=1e-5)
    assert verdict.search_best == pytest.approx(classifier._single_scores.best, rel=1e-5)
    assert verdict.dummy == 0.5
    assert verdict.simple.family in ("decision_tree", "logistic_regression")
    assert verdict.seconds > 0
    assert verdict.stop_reason == "max_trials reached"
    assert any("'same'" in text for text in verdict.warnings)
    assert "All these are scores of the same out-of-fold rows" in html


def test_the_verdict_compares_also_with_an_own_model_that_says_that_it_is_simple():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    stump = Component("stump", lambda params, context: DecisionTreeRegressor(max_depth=1), simple_kind="single split")
    settings = FAST | {"include": ["stump"], "max_trials": 1, "components": [stump]}
    simple = make_verdict(AutoMLRegressor(**settings).fit(X, X[:, 0])).simple
    assert (simple.family, simple.kind) == ("stump", "single split")


def test_the_verdict_and_the_search_show_the_gain_of_more_time(classifier, content, html):
    known, more = content.verdict.further_gain, classifier.expected_gain(600)
    assert known.seconds == 600
    assert known.change.value == pytest.approx(more.gain, rel=1e-3)
    assert known.sentence.startswith("10 more minutes would probably")
    assert known.sentence in html
    points = content.search.expected
    assert len(points) == len(classifier.score_over_time_)
    assert points[-1].seconds == pytest.approx(content.verdict.training_seconds, rel=1e-3)
    assert points[-1].score == content.verdict.expected.value
    assert "expected score of the ensemble on new rows" in html


def test_a_constant_prediction_of_numbers_has_the_spread_of_the_target(regressor):
    estimator, _ = regressor
    content = collect(estimator)
    assert content.verdict.dummy == pytest.approx(np.std(estimator._frontier.y), rel=1e-4)
    assert content.verdict.metric.title == "root mean squared error"
    assert 0 < content.verdict.expected.low < content.verdict.expected.value < content.verdict.expected.high


def test_the_results_on_test_rows_are_those_of_the_predictions(classifier, content, labeled_rows):
    X, y = labeled_rows
    performance = content.performances[1]
    result = performance.classification
    predicted = classifier.predict(X)
    expected = confusion_matrix(y, predicted, labels=classifier.classes_)
    found = np.zeros((2, 2), dtype=int)
    for true, guess, n in result.confusion:
        found[true, guess] = n
    assert (found == expected).all()
    auc = roc_auc_score(y == "buys", classifier.predict_proba(X)[:, 0])
    assert performance.score.value == pytest.approx(auc, rel=1e-4)
    assert result.roc[0].area == pytest.approx(auc, rel=1e-4)
    assert result.labels[result.positive] == "buys"
    place = result.sweep.thresholds.index(0.5)
    assert result.sweep.true_positives[place] == expected[0, 0]
    assert result.sweep.false_positives[place] == expected[1, 0]
    assert sum(b.n_rows for b in result.calibration) == len(y)


def test_the_sweep_holds_the_threshold_of_the_model(classifier, labeled_rows):
    classifier.decision_threshold_ = 0.123
    try:
        result = collect(classifier, test=labeled_rows).performances[1].classification
    finally:
        classifier.decision_threshold_ = 0.5
    place = result.sweep.thresholds.index(result.threshold)
    right = sum(n for true, guess, n in result.confusion if true == guess == result.positive)
    assert result.sweep.true_positives[place] == right


def test_the_worst_rows_are_named_by_their_numbers(regressor):
    estimator, X = regressor
    y = 3 * X[:, 0] + np.random.default_rng(1).normal(0, 0.5, len(X))
    out_of_fold, test = collect(estimator, test=(X, y)).performances
    for row in test.regression.worst:
        assert row.truth == pytest.approx(y[row.row], rel=1e-4)
        assert row.error == pytest.approx(row.prediction - row.truth, rel=1e-3, abs=1e-4)
    rows = [row.row for row in out_of_fold.regression.worst]
    assert [row.truth for row in out_of_fold.regression.worst] == pytest.approx(estimator._rows.y[rows], rel=1e-4)


@pytest.mark.slow
def test_a_report_shows_the_score_of_each_metric_with_the_sign_that_people_read():
    X, y = people()
    clf = AutoMLClassifier(**FAST | {"scoring": ["roc_auc", "neg_log_loss"]}).fit(X, y)
    found = collect(clf).scores
    assert [(each.title, each.direction) for each in found] == [
        ("ROC AUC", "greater is better"),
        ("log loss", "lower is better"),
    ]
    assert [each.score for each in found] == pytest.approx(clf.metric_scores_["score"] * [1, -1], rel=1e-5)
    assert [each.constant for each in found] == pytest.approx(clf.metric_scores_["constant"] * [1, -1], rel=1e-5)
    markdown, html = to_markdown(collect(clf)), to_html(collect(clf))
    assert re.search(r"\| log loss \| 0\.\d+ \| 0\.\d+ \| lower is better \|", markdown)
    assert "Scores by each metric" in html


def test_the_interval_of_the_score_covers_the_differences_between_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 20)
    X = rng.normal(size=(400, 3))
    y = X[:, 0] + 2 * rng.normal(size=20)[groups] + 0.3 * rng.normal(size=400)
    reg = AutoMLRegressor(**FAST | {"include": ["ridge"], "max_trials": 1}).fit(X, y, groups=groups)
    expected = reg.estimate_.high - reg.estimate_.low
    (performance,), _ = out_of_fold_performance(reg)
    assert performance.score.high - performance.score.low > 0.6 * expected
    entry = reg.frontier_.iloc[0]
    assert entry["high"] - entry["low"] > 0.6 * expected


def test_rows_that_repeated_folds_predict_several_times_count_once():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X[:, 0] + rng.normal(size=200)
    cv = RepeatedKFold(n_splits=4, n_repeats=4, random_state=0)
    reg = AutoMLRegressor(**FAST | {"include": ["ridge"], "max_trials": 1, "cv": cv}).fit(X, y)
    (performance,), _ = out_of_fold_performance(reg)
    assert performance.n_rows == 200
    expected = reg.estimate_.high - reg.estimate_.low
    assert performance.score.high - performance.score.low > 0.6 * expected


def test_the_columns_have_their_counts_and_reasons(content):
    columns = {column.name: column for column in content.table.columns}
    assert columns["age"].missing == pytest.approx(18 / 120, abs=1e-3)
    assert columns["city"].distinct == 3
    assert "Oslo" in columns["city"].bars_note
    assert columns["since"].bars_note == "2020-01-01 to 2021-08-18"
    assert columns["same"].treatment == "not used"
    assert sum(share.n_rows for share in content.table.target.classes) == 120


def test_a_loaded_model_says_what_is_left_out_and_the_training_table_fills_it(classifier, tmp_path):
    classifier.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    bare, filled = collect(loaded), collect(loaded, train=people())
    assert "saved without its training rows" in bare.table.note
    assert bare.table.columns[0].missing is None
    assert bare.reproduce.fingerprint is None
    assert filled.table.columns[0].missing == pytest.approx(18 / 120, abs=1e-3)
    assert filled.table.columns[3].bars_note == "2020-01-01 to 2021-08-18"
    assert filled.reproduce.fingerprint == collect(classifier).reproduce.fingerprint
    assert bare.verdict == collect(classifier).verdict


def test_a_model_for_prediction_only_has_a_report_without_its_search(classifier, tmp_path):
    classifier.save(tmp_path / "model")
    content = collect(load(tmp_path / "model", for_prediction=True))
    assert content.search is None
    assert dict(content.notes).keys() == {"importance", "performance", "search"}
    assert "without its search" in to_markdown(content)


def test_rows_in_the_order_of_time_have_a_sentence_instead_of_an_estimate():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    settings = FAST | {"cv": TimeSeriesSplit(3), "include": ["ridge"], "max_trials": 1}
    content = collect(AutoMLRegressor(**settings).fit(X, X[:, 0]))
    assert content.verdict.expected is None
    assert "order" in content.verdict.expected_note
    assert "There is no expected score" in to_html(content)  # and no figure of the section about predictions


def test_the_three_forms_have_the_same_content(content, html):
    page, text, values = html, to_markdown(content), json.loads(to_json(content))
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert json.loads(found[1]) == values
    for title in ("Verdict", "Your table", "What the model does", "The ensemble", "The search", "Reproduce"):
        assert f"## {title}" in text
        assert f">{title}</h2>" in page
    for shown in (text, page):
        assert f"{content.verdict.expected.value:.4g}" in shown
        assert "leaves" in shown
        assert content.ensemble.members[0].id in shown


def test_the_page_loads_nothing(html):
    page = Page(html)
    targets = [a[key] for _, a in page.elements for key in ("src", "href", "action", "data") if key in a]
    assert [target for target in targets if not target.startswith(("#", "data:,"))] == []
    assert "@import" not in page.text("style")
    assert "url(" not in page.text("style")
    assert len(html.encode()) < 1_000_000


def test_the_page_has_landmarks_captions_and_unique_ids(html):
    page = Page(html)
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert len(page.all("main")) == len(page.all("nav")) == len(page.all("h1")) == 1
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("aria-label" in svg for svg in page.all("svg") if "aria-hidden" not in svg)
    anchors = {a["href"][1:] for a in page.all("a")}
    assert anchors <= set(ids)
    referenced = {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a}
    assert referenced <= set(ids)


def test_hostile_names_are_texts_of_the_page(hostile):
    content = collect(hostile)
    page = Page(to_html(content))
    assert [script.get("type") for script in page.all("script")] == ["application/json", None]
    assert not [a for _, a in page.elements if any(key.startswith("on") for key in a)]
    for name in HOSTILE:
        assert name in page.text("bdi")
    assert "49" not in page.text("h1")
    names = [column["name"] for column in json.loads(page.texts["script"][0])["table"]["columns"]]
    assert names == [*HOSTILE, "city"]
    assert "<script" not in to_markdown(content)


def test_a_backtick_ends_neither_a_block_of_code_nor_a_text_in_it(content):
    command = "automl fit TABLE --target 'a```b` ; touch x'"
    text = to_markdown(replace(content, reproduce=replace(content.reproduce, command=command)))
    assert f"````sh\n{command}\n````\n" in text
    assert f"```python\n{content.reproduce.python}\n```\n" in text


def test_the_section_about_importance_appears_where_there_is_one(content, html):
    assert content.importance is not None
    assert "What the model uses" in html
    assert "What the model uses" in to_markdown(content)
    bare = replace(content, importance=None)
    assert "What the model uses" not in to_markdown(bare)
    assert "What the model uses" not in dict(section_titles(bare)).values()


def test_the_section_about_importance_has_intervals_and_the_partial_dependence_of_the_first_columns(classifier):
    section = collect(classifier).importance
    assert {column.name for column in section.columns} == {"age", "income", "city", "since", "same"}
    first = section.columns[0]
    assert first.name == "income"
    assert first.low < first.value < first.high
    income = section.dependence[0]
    assert (income.name, income.kind, income.output) == ("income", "number", "probability of buys")
    assert income.mean[-1] > income.mean[0]
    assert len(section.dependence) <= 6
    assert len(income.rows[0]) == len(income.values)


def test_test_rows_show_the_importance_where_a_model_has_no_rows(classifier, labeled_rows, tmp_path):
    classifier.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    bare = collect(loaded)
    assert "saved without them" in dict(bare.notes)["importance"]
    assert "What the model uses" in to_markdown(bare)
    assert collect(loaded, test=labeled_rows).importance.columns[0].name == "income"


def test_the_section_about_the_search_counts_families_and_failures(classifier, content):
    search = content.search
    assert sum(f.n_configurations for f in search.families) == len(classifier.leaderboard_)
    assert sum(f.weight for f in search.families) == pytest.approx(1, abs=1e-3)
    assert search.trace[-1].best >= search.trace[0].best
    assert len(search.lines) <= 100
    assert all(len(line.positions) == len(search.axes) for line in search.lines)
    assert all(0 <= at <= 1 for line in search.lines for at in line.positions)


def test_the_page_names_the_command_and_the_python_of_the_run(content):
    reproduce = content.reproduce
    assert reproduce.is_repeatable
    assert "positive_label='buys'" in reproduce.python
    assert reproduce.command is None
    assert reproduce.command_note == "The command line has no option for time_budget=None; use Python."


def test_the_command_of_a_run_has_an_option_for_each_parameter(classifier):
    other = copy.copy(classifier).set_params(time_budget=5, columns={"the age": "number"}, include=["ridge", "lda"])
    command = make_reproduce_section(other, None).command
    assert command.startswith("automl fit TABLE --target answer ")
    for option in ("--time-budget 5", "--columns 'the age=number'", "--include ridge,lda", "--cv 3", "--seed 0"):
        assert option in command


def test_the_command_and_the_python_of_a_run_have_places_for_weights_and_groups():
    rng = np.random.default_rng(0)
    X, y, weight, groups = rng.normal(size=(60, 2)), rng.normal(size=60), np.arange(60) + 1, np.arange(60) // 3
    settings = FAST | {"include": ["ridge"], "max_trials": 1}
    reg = AutoMLRegressor(**settings).fit(X, y, sample_weight=weight, groups=groups).set_params(time_budget=5)
    section = make_reproduce_section(reg, None)
    assert section.python.endswith("\nestimator.fit(X, y, sample_weight=sample_weight, groups=groups)")
    assert "--weight WEIGHT_COLUMN --groups GROUPS_COLUMN " in section.command
    reg = AutoMLRegressor(**settings | {"cv": None}).fit(X, y, weight, X_val=X, y_val=y, sample_weight_val=weight)
    call = "fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val, sample_weight_val=sample_weight_val)"
    assert call in make_reproduce_section(reg, None).python
    section = make_reproduce_section(AutoMLRegressor(**settings).fit(X, y).set_params(time_budget=5), None)
    assert section.python.endswith("\nestimator.fit(X, y)")
    assert "WEIGHT_COLUMN" not in section.command


def test_a_search_in_several_sessions_within_the_budget_of_the_parameters_repeats(regressor, tmp_path):
    X, y = regressor[1], regressor[1][:, 0]
    settings = FAST | {"include": ["ridge"]}
    for n_trials in (1, 2, 2):
        reg = AutoMLRegressor(**settings | {"max_trials": n_trials}, store=tmp_path).fit(X, y)
        for model in (reg, load(tmp_path)):
            section = make_reproduce_section(model, None)
            assert (section.is_repeatable, section.reason) == (True, "")
    fresh = AutoMLRegressor(**settings | {"max_trials": 2}).fit(X, y)
    np.testing.assert_array_equal(fresh.predict(X), reg.predict(X))
    assert "several sessions" in make_reproduce_section(reg.set_params(max_trials=1), None).reason
    assert "several sessions" in make_reproduce_section(reg.set_params(max_trials=2, time_budget=60), None).reason


def test_the_code_of_a_model_that_was_changed_after_its_search_does_not_give_this_model(regressor):
    X = regressor[1]
    assert "refit" in make_reproduce_section(copy.copy(regressor[0]).refit(X, X[:, 0]), None).reason
    assert "slim or choose" in make_reproduce_section(regressor[0].choose(0), None).reason


def test_the_command_and_the_python_of_a_run_are_complete(classifier):
    changed = copy.copy(classifier)
    columns = {f"a  column with the number {i}": "number" for i in range(30)}
    changed.set_params(columns=columns, time_budget=600)
    section = make_reproduce_section(changed, None)
    call = ast.parse(section.python).body[1].value
    assert ast.literal_eval(next(k.value for k in call.keywords if k.arg == "columns")) == columns
    words = shlex.split(section.command)
    assert [words[i + 1] for i, word in enumerate(words) if word == "--columns"] == [f"{c}=number" for c in columns]


def test_a_value_that_cannot_be_shown_is_named_in_the_note(classifier):
    changed = copy.copy(classifier)
    changed.set_params(columns={"two\nlines": "number"}, time_budget=60)
    section = make_reproduce_section(changed, None)
    assert section.command is None
    assert section.command_note == "A command in one line cannot show 'two\\nlines=number'; use Python."
    assert "{'two\\nlines': 'number'}" in section.python
    changed.set_params(columns=None, scoring=lambda estimator, X, y: 0.0)
    assert "The code cannot show the value of scoring." in make_reproduce_section(changed, None).command_note
    changed.set_params(scoring=None, cv=[(np.arange(2000), np.arange(2000, 2100))])  # NumPy shortens its text
    assert "The code cannot show the value of cv." in make_reproduce_section(changed, None).command_note
    changed.set_params(cv=[(np.arange(20), np.arange(20, 30))])
    assert "cannot show" not in make_reproduce_section(changed, None).command_note


def test_the_python_of_a_run_needs_no_other_imports(classifier):
    changes = {"store": PosixPath("runs"), "random_state": np.int64(7), "columns": {}, "callbacks": ()}
    lines = make_reproduce_section(copy.copy(classifier).set_params(**changes), None).python.splitlines()
    assert "store" not in lines[2]  # it would go on with the run
    assert "random_state=7" in lines[2]
    assert "columns" not in lines[2]
    exec("\n".join(lines[:-1]), {})


@pytest.mark.parametrize("library", ["jinja2", "matplotlib"])
def test_a_missing_library_is_one_clear_error(classifier, tmp_path, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(AutoMLError, match=rf"needs {library}; install it with: pip install 'cash-automl\[report\]'"):
        classifier.report(tmp_path / "report.html")
    classifier.report(tmp_path / "report.json", "json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["verdict"]["task"] == "binary"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "htm"}, "format: 'htm' is unknown; did you mean 'html'"),
        ({"test": 3}, r"test must be a pair of a table and its target"),
        ({"test": (np.zeros((3, 5)), [1, 2])}, "3 rows, but its target has 2 values"),
        ({"test": (people(4)[0], ["buys", "no", "buys", "buys"])}, "test: the target holds 'no', which is no class"),
        ({"test": (people(4)[0].drop(columns="age"), people(4)[1])}, "(?s)test: .*'age'"),
        ({"train": (people(4)[0].drop(columns="age"), people(4)[1])}, "(?s)train: .*'age'"),
    ],
)
def test_an_argument_that_cannot_be_used_is_one_clear_error(classifier, tmp_path, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        classifier.report(tmp_path / "report.html", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_takes_no_file_is_one_clear_error(classifier, tmp_path):
    with pytest.raises(InvalidInputError, match="it is a folder"):
        classifier.report(tmp_path)
    with pytest.raises(InvalidInputError, match="no such folder"):
        classifier.report(tmp_path / "none" / "report.html")


def test_labels_of_ticks_keep_their_digits():
    with style():
        figure, axes = new_axes()
        axes.plot([0, 1], [0.123456, 0.2])
        axes.set_yticks([0.125, 0.1875])
        drawing = draw(figure, "figure")
    assert ">0.1250<" in drawing.inner
    assert ">0.1875<" in drawing.inner
    assert 'id="figure-' in drawing.inner
