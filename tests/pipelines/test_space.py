"""Tests of the joint search space: it contains exactly the components that work on the table."""

from __future__ import annotations

import sys
from functools import cache
from itertools import product

import numpy as np
import pytest
from ConfigSpace import Configuration as SpaceConfiguration

from pipelines.catalog import NAMES
from pipelines.component import TableTraits
from pipelines.models import MODELS, PORTFOLIO
from pipelines.overrides import SpaceError
from pipelines.space import (
    build_space,
    choices,
    complete,
    names_without_effect,
    summarize,
    to_configuration,
    unavailable_components,
)

MIXED = TableTraits("multiclass", 1_000, 12, 4, (0, 5), (3, 40), has_missing=True)
TRAITS = [
    TableTraits(task, n_rows, 10, n_classes, categorical, cardinalities, missing, sparse, weighted)
    for (task, n_classes), n_rows, (categorical, cardinalities), missing, sparse, weighted in product(
        [("binary", 2), ("multiclass", 30), ("regression", 0)],
        [30, 100_000],
        [((), ()), ((0, 3), (2, 50)), (tuple(range(10)), (3,) * 10)],
        [False, True],
        [False, True],
        [False, True],
    )
    if not (sparse and (missing or categorical)) and not (weighted and n_rows == 30)
]
space_of = cache(build_space)


def test_the_space_of_a_mixed_table_has_more_than_a_hundred_hyperparameters():
    summary = summarize(space_of(MIXED))
    assert summary["n_hyperparameters"] > 100
    assert summary["n_families"] == len(summary["families"]) >= 15


@pytest.mark.parametrize("traits", TRAITS, ids=str)
def test_the_default_and_every_sample_are_valid(traits):
    space = space_of(traits)
    space.get_default_configuration().check_valid_configuration()
    for sampled in space.sample_configuration(5):
        sampled.check_valid_configuration()


@pytest.mark.parametrize("traits", TRAITS, ids=str)
def test_every_portfolio_entry_becomes_a_valid_configuration_or_its_model_is_absent(traits):
    space = space_of(traits)
    for entry in PORTFOLIO:
        configuration = complete(space, entry)
        if configuration is None:
            assert entry["model"] not in choices(space, "model")
        else:
            assert configuration.family == entry["model"]
            SpaceConfiguration(space, values=dict(configuration)).check_valid_configuration()


def test_components_that_cannot_apply_are_absent():
    plain = build_space(TableTraits("regression", 1_000, 5))
    assert not {"encoding", "imputation", "balancing", "calibration"} & set(plain)
    sparse = build_space(TableTraits("binary", 1_000, 500, 2, sparse=True))
    assert {"gaussian_process", "lda"}.isdisjoint(choices(sparse, "model"))
    weighted = build_space(TableTraits("binary", 1_000, 5, 2, weighted=True))
    refuse = {component.name for component in MODELS if not component.accepts_weights}
    assert refuse
    assert refuse.isdisjoint(choices(weighted, "model"))


def test_missing_cells_reach_only_models_that_accept_them():
    accepting = {component.name for component in MODELS if component.accepts_missing}
    samples = [to_configuration(s) for s in space_of(MIXED).sample_configuration(500)]
    untouched = [c for c in samples if c["imputation"] == "none"]
    assert len(untouched) > 20
    assert {c.family for c in untouched} <= accepting


def test_category_codes_reach_only_models_that_accept_them():
    accepting = {component.name for component in MODELS if component.accepts_categories}
    samples = [to_configuration(s) for s in space_of(MIXED).sample_configuration(800)]
    native = [c for c in samples if c["encoding"] == "native"]
    assert len(native) > 10
    assert {c.family for c in native} <= accepting
    assert {c["selection"] for c in native} == {"none"}


def test_include_and_exclude_are_respected():
    space = build_space(MIXED, include=["lightgbm", "ridge", "logistic_regression"], exclude=["pca", "nystroem"])
    assert set(choices(space, "model")) == {"lightgbm", "logistic_regression"}
    assert {"pca", "nystroem"}.isdisjoint(choices(space, "generation"))
    only = build_space(MIXED, include=["one_hot"])
    assert choices(only, "encoding") == ("one_hot",)
    assert len(choices(only, "model")) > 10


def test_names_are_checked():
    with pytest.raises(ValueError, match="did you mean 'lightgbm'"):
        build_space(MIXED, include=["lightgmb"])
    with pytest.raises(ValueError, match="no model"):
        build_space(TableTraits("regression", 100, 5), include=["logistic_regression"])


def test_values_out_of_bounds_are_clipped_and_unknown_values_are_ignored():
    space = space_of(MIXED)
    partial = {"model": "lightgbm", "model:lightgbm:learning_rate": 1e9, "encoding": "no such", "nonsense": 1}
    configuration = complete(space, partial)
    assert configuration["model:lightgbm:learning_rate"] == space["model:lightgbm:learning_rate"].upper
    assert configuration["encoding"] == "one_hot"
    assert "nonsense" not in configuration


@pytest.mark.parametrize("p", [1.0, True, np.int64(1)])
def test_a_value_gets_the_type_of_the_choice_that_it_equals(p):
    partial = {"model": "k_nearest_neighbors", "model:k_nearest_neighbors:p": 1}
    expected = complete(space_of(MIXED), partial)
    assert complete(space_of(MIXED), {**partial, "model:k_nearest_neighbors:p": p}).id == expected.id


def test_a_forbidden_combination_is_replaced_by_one_that_works():
    partial = {"model": "logistic_regression", "imputation": "none", "encoding": "native"}
    configuration = complete(space_of(MIXED), partial)
    assert configuration.family == "logistic_regression"
    assert configuration["imputation"] != "none"
    assert configuration["encoding"] != "native"


def test_components_that_go_with_no_included_component_leave_the_space():
    native = build_space(MIXED, include=["native"])
    assert set(choices(native, "model")) == {c.name for c in MODELS if c.accepts_categories}
    assert set(choices(native, "generation")) == {"none", "categorical_interactions", "combined_features"}
    untouched = build_space(MIXED, exclude=["median", "mean", "most_frequent", "constant", "lightgbm", "random_forest"])
    assert choices(untouched, "imputation") == ("none",)
    assert "logistic_regression" not in choices(untouched, "model")
    untouched.get_default_configuration().check_valid_configuration()
    with pytest.raises(ValueError, match=r"encoding native and model .*logistic_regression.* do not go together"):
        build_space(MIXED, include=["native", "logistic_regression"])


@pytest.mark.parametrize("seed", range(40))
def test_any_include_and_exclude_give_a_valid_space_or_a_clear_error(seed):
    rng = np.random.default_rng(seed)
    include, exclude = (rng.choice(NAMES, rng.integers(0, 12), replace=False).tolist() for _ in range(2))
    try:
        space = build_space(MIXED, include, exclude)
    except ValueError as error:
        clear = ("include and exclude leave", "include names")  # the latter for an ordering of unordered classes
        assert str(error).startswith(clear)  # noqa: PT017  both outcomes are right
        return
    for sampled in [space.get_default_configuration(), *space.sample_configuration(5)]:
        sampled.check_valid_configuration()
    for entry in PORTFOLIO:
        assert (complete(space, entry) is None) == (entry["model"] not in choices(space, "model"))


def test_names_of_steps_that_a_task_lacks_have_no_effect_and_those_of_absent_columns_may_have():
    regression, binary = TableTraits("regression", 100, 3, 0), TableTraits("binary", 100, 3, 2)
    names = [
        "calibration:isotonic",
        "confident_learning",
        "one_hot",
        "log_target",
        "loss:absolute_error",
        "standard",
        "ridge",
    ]
    assert names_without_effect(regression, names) == {names[0]: "calibration", names[1]: "cleaning"}
    assert names_without_effect(binary, names) == {names[1]: "cleaning", names[3]: "target", names[4]: "loss"}


@pytest.mark.parametrize("library", ["torch", "catboost", "xgboost", "lightgbm"])
def test_a_model_whose_library_is_not_installed_is_not_in_the_space(monkeypatch, library):
    whole = set(choices(build_space(MIXED), "model"))
    monkeypatch.setitem(sys.modules, library, None)
    missing = unavailable_components(MIXED)
    assert set(choices(build_space(MIXED), "model")) == whole - set(missing[library])
    assert list(missing) == [library]
    assert unavailable_components(MIXED, include=["ridge"]) == {}
    assert unavailable_components(MIXED, exclude=missing[library]) == {}
    with pytest.raises(SpaceError, match=f"{library} is not installed; install it with: pip install {library}"):
        build_space(MIXED, include=missing[library][:1])
