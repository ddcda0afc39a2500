"""The importance of hyperparameters, from forests on known functions and from a real run."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.preprocessing import PolynomialFeatures

from automl import AutoMLClassifier, AutoMLRegressor, plots
from automl.errors import AutoMLError
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.catalog import OwnComponents
from pipelines.component import Component
from pipelines.space import build_space, to_configuration
from tests.explain.test_importance import make_rows
from tests.factories import FAST


@pytest.fixture(scope="module")
def clf():
    X, y = make_rows(120)
    return AutoMLClassifier(**{**FAST, "max_trials": 12, "cv": 2}).fit(X, np.where(y > 1, "yes", "no"))


def with_losses(clf, loss, n=150):
    """A copy of the estimator whose run history holds sampled configurations with these losses."""
    traits = clf._reader.traits("binary", 2)
    space = build_space(traits, tuple(clf.include), seed=1)
    history, rng = RunHistory(), np.random.default_rng(0)
    for sampled in space.sample_configuration(n):
        configuration = to_configuration(sampled)
        result = FoldResult(loss(configuration) + 0.2 * rng.random(), 1, 0.1)
        history.append(TrialResult(Trial(configuration), Status.OK, {0: result}, 1))
    copied = AutoMLClassifier(**FAST)
    vars(copied).update(vars(clf) | {"history_": history})
    return copied


def test_a_real_run_gives_a_table_of_steps_choices_and_hyperparameters(clf):
    table = clf.hyperparameter_importance()
    assert list(table) == ["name", "kind", "importance", "std", "n_configurations"]
    assert set(table["kind"]) == {"step", "choice", "hyperparameter"}
    assert table["importance"].between(0, 1).all()
    assert table["name"].iloc[0] in {"model", "encoding", "imputation", "scaling", "generation", "selection"}
    step = table[(table["kind"] == "step") & (table["name"] == "model")]
    assert step["n_configurations"].item() == 12
    assert (table["n_configurations"] <= 12).all()


def test_the_hyperparameter_that_makes_the_difference_comes_first(clf):
    changed = with_losses(clf, lambda c: 1.0 + 2.0 * (c["scaling"] == "none"))
    table = changed.hyperparameter_importance()
    single = table[table["kind"] != "step"]
    assert single["name"].iloc[0] == "scaling"
    assert single["importance"].iloc[0] > 0.7
    assert single["importance"].iloc[1] < 0.2
    steps = table[table["kind"] == "step"]
    assert steps["name"].iloc[0] == "scaling"


def test_the_figure_shows_steps_first_and_the_names_of_families_with_their_hyperparameters(clf):
    table = clf.hyperparameter_importance()
    ax = plots.hyperparameter_importance(clf, max_settings=3)
    shown = table[table["importance"] >= 0.001]
    steps, settings = shown[shown["kind"] == "step"], shown[shown["kind"] != "step"].head(3)
    assert [bar.get_width() for bar in ax.patches] == [*steps["importance"], *settings["importance"]]
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[: len(steps)] == list(steps["name"])
    assert all(
        (" (choice)" in label) == (kind == "choice") for label, kind in zip(labels[-3:], settings["kind"], strict=True)
    )
    assert not any(label.startswith("model:") for label in labels)
    plt.close(ax.figure)


@pytest.mark.slow
def test_a_conditional_hyperparameter_is_not_important_because_of_its_parent(clf):
    """Only the family matters; hyperparameters of the family show which family it is, but have no effect inside it."""
    changed = with_losses(clf, lambda c: 1.0 + 2.0 * (c.family == "decision_tree"))
    table = changed.hyperparameter_importance().set_index("name")
    single = table[table["kind"] != "step"]["importance"]
    assert single.idxmax() == "model"
    assert single["model"] > 0.7
    assert single[single.index.str.startswith("model:")].max() < 0.1


def test_a_few_configurations_are_not_enough():
    X, y = make_rows(60)
    few = AutoMLClassifier(**{**FAST, "max_trials": 1, "cv": 2}).fit(X, y > 1)
    with pytest.raises(AutoMLError, match=r"needs 10 configurations .* tried 1"):
        few.hyperparameter_importance()


PRODUCTS = Component("products", lambda params, context: PolynomialFeatures(2, include_bias=False))


@pytest.mark.parametrize(
    ("name", "tried"), [("generation:pca", ("generation:none", "generation:products")), ("products", ("products",))]
)
def test_models_of_earlier_versions_may_have_steps_that_now_break_monotonic_columns(name, tried):
    """Earlier versions ignored such a step of the catalog in `include`, and used such a step of the user."""
    X, y = make_rows(60)
    reg = AutoMLRegressor(**{**FAST, "max_trials": 1, "cv": 2}, components={"generation": [PRODUCTS]}).fit(X, y)
    own = OwnComponents({"generation": (PRODUCTS,)})
    space = build_space(reg._reader.traits("regression", 0), ("decision_tree", *tried), seed=1, own=own)
    reg.history_, rng = RunHistory(), np.random.default_rng(0)
    for sampled in space.sample_configuration(40):
        configuration = to_configuration(sampled)
        result = FoldResult((configuration["generation"] == "products") + 0.1 * rng.random(), 1, 0.1)
        reg.history_.append(TrialResult(Trial(configuration), Status.OK, {0: result}, 1))
    reg.set_params(include=["decision_tree", name], monotonic={"strong": 1})
    choices = reg.hyperparameter_importance().query("kind == 'choice'")["name"]
    assert ("generation" in set(choices)) == (len(tried) > 1)
    assert len(tried) == 1 or choices.iloc[0] == "generation"
