"""Tests of the user's own space: every tried configuration is within it, and a wrong entry is one clear error."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import NumericalHyperparameter
from sklearn.datasets import load_diabetes

import automl
from automl import AutoMLRegressor
from automl.cli.values import parse_space
from automl.errors import InvalidInputError
from automl.search.prior import PriorDensity
from automl.search.smac import SmacSearcher
from automl.search.user_space import read_space
from automl.search.vectors import VectorSpace
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, TrialResult
from pipelines.catalog import STEPS
from pipelines.component import TableTraits
from pipelines.overrides import Override, Prior
from pipelines.rich_tables import RICH_TABLES, RICH_TABLES_OF_NOISY_LABELS
from pipelines.space import build_space, complete
from pipelines.value_limits import find_limits
from tests.factories import FAST

X, Y = load_diabetes(return_X_y=True, as_frame=True)
SPACE = {"decision_tree:max_depth": (2, 3), "model:ridge:alpha": 20_000, "scaling": ["none", "standard"]}
TRAITS = TableTraits("regression", 1_000, 10, 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a fitted estimator with a space of its own, and its run directory."""
    folder = tmp_path_factory.mktemp("space") / "run"
    settings = FAST | {"include": ["decision_tree", "ridge"], "max_trials": 6, "cv": 2, "store": folder}
    return AutoMLRegressor(**settings, space=SPACE).fit(X, Y), folder


def test_all_configurations_are_within_the_user_s_ranges_also_the_first_ones(run):
    tried = list(run[0].history_.evaluations)
    assert len(tried) == 6
    assert all(c["scaling"] in ("none", "standard") for c in tried)
    assert {c["model:decision_tree:max_depth"] for c in tried if c.family == "decision_tree"} <= {2, 3}
    assert {c["model:ridge:alpha"] for c in tried if c.family == "ridge"} == {20_000.0}


def test_a_resumed_run_uses_only_the_results_that_are_within_the_new_space(run):
    folder = run[1]
    narrow = SPACE | {"model": "ridge", "scaling": "standard"}
    settings = FAST | {"include": ["decision_tree", "ridge"], "max_trials": 1, "cv": 2, "store": folder}
    resumed = AutoMLRegressor(**settings, space=narrow).fit(X, Y)
    assert {(c["model"], c["scaling"]) for c in resumed.history_.evaluations} == {("ridge", "standard")}


def test_refit_keeps_a_value_beyond_the_usual_range(run):
    again = run[0].refit()
    kept = {bag.configuration.get("model:ridge:alpha", 20_000.0) for bag in again._ensemble.bags}
    assert kept == {20_000.0}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"lightgbm:num_leafs": 8}, "'lightgbm:num_leafs' is unknown; did you mean 'lightgbm:num_leaves'"),
        ({"num_leaves": 8}, "did you mean 'lightgbm:num_leaves'"),
        ({"xgboost:learning_rate": (0, 0.1)}, "must be above 0 and at most 1; its range is 0.005 to 0.3; got 0"),
        ({"xgboost:learning_rate": -1}, "must be above 0"),
        ({"lightgbm:lambda_l1": float("nan")}, "must be a number; its range is 0.0001 to 1"),
        ({"xgboost:reg_alpha": (0, 1)}, "logarithmic scale, so its range must begin above 0"),
        ({"xgboost:max_depth": (6, 3)}, r"the range \(6, 3\) is empty"),
        ({"xgboost:max_depth": 2.5}, "must be a whole number; its range is 2 to 10"),
        ({"xgboost:max_depth": [2, 3, 4]}, "give its range as"),
        ({"xgboost:max_depth": True}, "must be a whole number"),
        ({"xgboost:grow_policy": "leaf"}, "cannot be 'leaf'; choose from 'depthwise', 'lossguide'"),
        ({"random_forest:bootstrap": 1}, "cannot be 1; choose from True, False"),
        ({"encoding": []}, "has no choices; give at least one of 'one_hot'"),
        ({"ridge:alpha": 1, "model:ridge:alpha": 2}, "names 'model:ridge:alpha' twice"),
        ({"ridge:alpha": {"prior": 1e9}}, "outside of the range 0.0001 to 10000"),
        ({"ridge:alpha": {"best": 1}}, "unknown key 'best'; the keys are prior, range, choices, std"),
        ({"encoding": {"prior": {"one_hot": -1}}}, "the weight of 'one_hot' must be a number, 0 or more"),
        ([], "space must be a dict"),
    ],
)
def test_a_wrong_entry_is_named_before_work_starts(space, message):
    with pytest.raises(InvalidInputError, match=message):
        AutoMLRegressor(**FAST, space=space).fit(X, Y)


def test_choices_that_no_pipeline_of_the_table_has_are_an_error():
    with pytest.raises(InvalidInputError, match="leave no model that suits this table"):
        AutoMLRegressor(**FAST | {"include": ()}, space={"model": ["lda"]}).fit(X, Y)


def test_priors_are_for_the_default_searcher():
    with pytest.raises(InvalidInputError, match='only searcher="smac" uses priors'):
        AutoMLRegressor(**FAST, searcher="random", space={"ridge:alpha": {"prior": 1.0}}).fit(X, Y)


def test_include_and_exclude_by_step_in_each_form():
    space = build_space(TRAITS, ("model:ridge", "generation:none"), ("scaling:robust",))
    assert list(space["model"].choices) == ["ridge"]
    assert list(space["generation"].choices) == ["none"]
    assert "robust" not in space["scaling"].choices
    assert "pca" in build_space(TRAITS, ("model:ridge",))["generation"].choices
    table = automl.space(X, Y, include={"model": ["ridge"], "generation": "none"}, exclude=["scaling:power"])
    choices = table.set_index("name")["choices"]
    assert (choices["model"], choices["generation"]) == (("ridge",), ("none",))
    assert "power" not in choices["scaling"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"include": {"encoder": ["one_hot"]}}, "include: 'encoder' is unknown; did you mean 'encoding'"),
        ({"exclude": {"encoding": ["onehot"]}}, "exclude: encoding: 'onehot' is unknown; did you mean 'one_hot'"),
        ({"exclude": {"encoding": 3}}, "'encoding' must have a list of names"),
        ({"include": ["modl:ridge"]}, "'modl:ridge' is unknown"),
        ({"include": ["GBM"]}, "include: 'GBM' is unknown; did you mean 'lightgbm' or 'xgboost' or 'catboost' or"),
        ({"exclude": ["zzz"]}, "exclude: 'zzz' is unknown; choose from the models 'bernoulli_nb', 'catboost', "),
    ],
)
def test_an_unknown_component_of_a_step_is_named(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        AutoMLRegressor(**FAST | settings).fit(X, Y)


def test_a_range_keeps_its_scale_and_a_fixed_parent_removes_children_that_never_apply():
    overrides = read_space(
        {"lightgbm:num_leaves": (300, 400), "xgboost:grow_policy": "lossguide", "random_forest:bootstrap": False}
    )
    space = build_space(TRAITS, overrides=overrides)
    leaves = space["model:lightgbm:num_leaves"]
    assert (leaves.lower, leaves.upper, leaves.log, leaves.default_value) == (300, 400, True, 300)
    assert "model:xgboost:max_depth" not in space
    assert "model:random_forest:max_samples" not in space
    completed = complete(space, {"model": "xgboost"})
    assert completed["model:xgboost:grow_policy"] == "lossguide"
    assert "model:xgboost:max_leaves" in completed


@pytest.mark.parametrize("task", RICH_TABLES)
def test_all_numbers_have_limits_that_contain_their_range(task):
    for name, hyperparameter in build_space(RICH_TABLES_OF_NOISY_LABELS[task]).items():
        if isinstance(hyperparameter, NumericalHyperparameter):
            limits = find_limits(name)
            assert limits is not None, name
            assert limits.accepts(hyperparameter.lower), name
            assert limits.accepts(hyperparameter.upper), name


def test_the_space_as_a_table_has_all_names_with_ranges_conditions_and_defaults():
    table = automl.space(task="binary").set_index("name")
    several = {name for name in table.index if name.startswith("multi_output")}  # of tables of several targets only
    assert set(table.index) - several == set(build_space(RICH_TABLES["binary"]))
    assert table.loc["model:kernel_svm:degree", "condition"] == "model:kernel_svm:kernel = poly"
    assert table.loc["model:xgboost:learning_rate", ["low", "high", "log"]].tolist() == [0.005, 0.3, True]
    assert table.loc["model:xgboost:learning_rate", "accepted"] == "above 0 and at most 1"
    assert table.loc["encoding", "kind"] == "step"
    with pytest.raises(InvalidInputError, match="both X and y"):
        automl.space(X)


def test_the_space_as_a_table_has_every_step_that_does_not_depend_on_the_metric():
    tables = [automl.space(task=task, noisy_labels=True) for task in ("multiclass", "regression")]
    listed = {name for table in tables for name in table["name"][table["kind"] == "step"]}
    assert listed == {name for name, step in STEPS.items() if step.ranked is None}


def test_values_of_the_option_are_ranges_choices_or_single_values(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"ridge:alpha": {"prior": 2}}))
    (tmp_path / "b.yaml").write_text("lightgbm:num_leaves: [8, 64]\n")
    values = ["xgboost:max_depth=3,5", "encoding=one_hot,ordinal", "random_forest:bootstrap=false"]
    space = parse_space([*values, str(tmp_path / "a.json"), str(tmp_path / "b.yaml")])
    assert space == {
        "xgboost:max_depth": [3, 5],
        "encoding": ["one_hot", "ordinal"],
        "random_forest:bootstrap": False,
        "ridge:alpha": {"prior": 2},
        "lightgbm:num_leaves": [8, 64],
    }
    read_space(space)
    for wrong in ("ridge:alpha", "=3", str(tmp_path / "c.json"), "ridge:alpha={3"):
        with pytest.raises(InvalidInputError, match="--space"):
            parse_space([wrong])


def test_a_prior_is_a_density_and_fades_with_the_number_of_results():
    overrides = read_space({"ridge:alpha": {"prior": 1.0, "std": 0.1}, "scaling": {"prior": {"none": 3, "robust": 1}}})
    space = VectorSpace(build_space(TRAITS, ("ridge", "decision_tree"), overrides=overrides))
    prior = PriorDensity(space, overrides)
    sample = space.sample(20_000, np.random.default_rng(0))
    sample[:, space.names.index("scaling")] = np.random.default_rng(1).integers(
        0, space.n_choices[space.names.index("scaling")], len(sample)
    )
    assert np.exp(prior.log(sample)).mean() == pytest.approx(1.0, abs=0.1)  # relative to the uniform density
    np.testing.assert_allclose(prior.bonus(sample, 100), prior.bonus(sample, 10) / 10)


def test_a_prior_above_the_range_of_a_table_draws_to_the_highest_value():
    overrides = read_space({"generation:arithmetic:n_new": {"prior": 250, "std": 0.01}})
    space = VectorSpace(build_space(TableTraits("regression", 400_000, 10), ("lightgbm",), overrides=overrides))
    column = space.names.index("generation:arithmetic:n_new")
    rows = np.full((3, len(space.names)), np.nan)
    rows[:, column] = 0.0, 0.98, 1.0
    densities = PriorDensity(space, overrides).log(rows)
    assert (np.diff(densities) > 0).all()


def test_a_prior_sets_the_default():
    overrides = read_space({"ridge:alpha": {"prior": 500.0, "range": (10, 1000)}})
    space = build_space(TRAITS, ("ridge",), overrides=overrides)
    assert complete(space, {"model": "ridge"})["model:ridge:alpha"] == 500.0
    assert space["model:ridge:alpha"].lower == 10


def test_a_prior_draws_the_first_suggestions_to_itself_and_results_against_it_win():
    flat, beliefs = ConfigurationSpace({"x": (0.0, 1.0)}), {"x": Override(prior=Prior(0.9, std=0.05))}

    def suggested(loss, n):
        searcher, history = SmacSearcher(flat, seed=0, n_initial=3, random_share=0.0, overrides=beliefs), RunHistory()
        for _ in range(n):
            [trial] = searcher.suggest(history, 1)
            value = loss(float(trial.configuration["x"]))
            history.append(TrialResult(trial, Status.OK, {0: FoldResult(value, 1.0, 0.0)}, 1.0))
        return np.array([float(r.trial.configuration["x"]) for r in history.results])

    assert np.abs(suggested(lambda x: 1.0 + 0.01 * np.sin(20 * x), 8)[3:] - 0.9).max() < 0.2
    against = suggested(lambda x: (x - 0.2) ** 2, 30)
    assert np.abs(against[-8:] - 0.2).min() < 0.05


def test_names_of_steps_that_a_task_lacks_are_one_warning_for_each_argument(caplog):
    settings = FAST | {"include": {"model": ["ridge"], "calibration": ["sigmoid", "isotonic"]}, "max_trials": 1}
    AutoMLRegressor(**settings, exclude=["balancing:oversample", "standard"]).fit(X, Y)
    texts = [record.getMessage() for record in caplog.records if "no step for" in record.getMessage()]
    assert texts == [
        "include: no pipeline of this regression uses calibration:sigmoid, calibration:isotonic, because the task has "
        "no step for calibration",
        "exclude: no pipeline of this regression uses balancing:oversample, because the task has no step for balancing",
    ]
