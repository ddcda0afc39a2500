"""The view of an estimator in a notebook."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.utils import estimator_html_repr

import automl
from automl import AutoMLClassifier, AutoMLRegressor
from tests.factories import FAST


class Cells(HTMLParser):
    """Collects the texts of the cells of the first table."""

    def __init__(self):
        super().__init__()
        self.texts, self.is_open, self.is_over = [], False, False

    def handle_starttag(self, tag, attrs):
        if tag in ("th", "td") and not self.is_over:
            self.texts.append("")
            self.is_open = True

    def handle_endtag(self, tag):
        self.is_open = self.is_open and tag not in ("th", "td")
        self.is_over = self.is_over or tag == "table"

    def handle_data(self, data):
        if self.is_open:
            self.texts[-1] += data


def facts(html):
    cells = Cells()
    cells.feed(html)
    return dict(zip(cells.texts[::2], cells.texts[1::2], strict=True))


@pytest.fixture(scope="module")
def clf():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=120), "<i>b</i>": rng.normal(size=120)})
    y = pd.Series(np.where(X["a"] > rng.normal(size=120), "<b>yes</b>", "no"), name="<script>alert(1)</script>")
    return AutoMLClassifier(**{**FAST, "max_trials": 2}).fit(X, y)


def test_the_summary_has_the_facts(clf):
    clf.estimate_  # noqa: B018 - from now on it is known
    found = facts(clf._repr_html_())
    assert found["task"] == "classification of '<script>alert(1)</script>', 2 classes"
    assert found["training table"] == "120 rows, 2 columns"
    assert found["metric"] == "ROC AUC; greater is better"
    estimate = clf.estimate_
    assert found["expected score"].startswith(f"{estimate.score:.4g} on new rows (95% interval {estimate.low:.4g} to")
    assert "models; the largest weight has" in found["ensemble"]
    assert found["search"] == "2 configurations; max_trials reached"


def test_texts_of_the_user_are_escaped_and_the_diagram_stays(clf):
    html = clf._repr_html_()
    assert "<script>alert" not in html
    assert without_ids(html).endswith(without_ids(estimator_html_repr(clf)))
    assert re.search(r'<table class="automl-summary">', html)
    bundle = clf._repr_mimebundle_()
    assert "automl-summary" in bundle["text/html"]
    assert bundle["text/plain"] == repr(clf)


def test_nothing_is_computed_for_the_view(clf, tmp_path):
    clf.save(tmp_path / "model")
    loaded = automl.load(tmp_path / "model")

    class Frozen(type(loaded)):
        """An estimator whose costly attributes cannot be read."""

        estimate_ = leaderboard_ = frontier_ = property(lambda self: pytest.fail("a costly attribute was read"))

    loaded.__class__ = Frozen
    assert facts(loaded._repr_html_())["task"].startswith("classification")
    light = automl.load(tmp_path / "model", for_prediction=True)
    assert facts(light._repr_html_())["expected score"] == "unknown: the loaded model does not hold it"


def test_an_estimator_that_is_not_fitted_looks_as_in_scikit_learn():
    reg = AutoMLRegressor(time_budget=5)
    assert without_ids(reg._repr_html_()) == without_ids(estimator_html_repr(reg))
    with config_context(display="text"):
        assert not hasattr(reg, "_repr_html_")
        assert set(reg._repr_mimebundle_()) == {"text/plain"}


def without_ids(html):
    """Return the HTML without the running numbers of scikit-learn."""
    return re.sub(r"sk-[\w-]*?\d+", "sk", html)
