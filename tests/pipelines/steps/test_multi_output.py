"""Models of several targets: joint, independent and chained."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import RegressorChain
from sklearn.neighbors import KNeighborsClassifier

from pipelines import storage
from pipelines.build import build_pipeline, fit_preprocessing, predicted_seconds
from pipelines.component import FitContext, TableTraits
from pipelines.models import MODELS
from pipelines.models.k_nearest_neighbors import JointNeighborsClassifier
from pipelines.prediction import fast_predict
from pipelines.space import build_space, choices, complete, to_configuration
from pipelines.steps.multi_output import ChainedClassifiers, ChainedRegressors, IndependentClassifiers
from pipelines.targets import TargetLayout

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
NUMBERS = np.column_stack([1000 * X[:, 0] + RNG.normal(size=90), X[:, 1] - X[:, 2], X[:, 0]])
CLASSES = np.column_stack([X[:, 0] > 0, (X[:, 1] > -0.5).astype(int) + (X[:, 1] > 0.5)]).astype(int)
LAYOUTS = {"regression": TargetLayout(("a", "b", "c")), "multiclass": TargetLayout(("a", "b"), (2, 3))}
TRAITS = {
    "regression": TableTraits("regression", 90, 4, targets=LAYOUTS["regression"]),
    "multiclass": TableTraits("multiclass", 90, 4, 3, targets=LAYOUTS["multiclass"]),
}
JOINT = [component.name for component in MODELS if component.accepts_targets]
FAST = ("decision_tree", "k_nearest_neighbors", "ridge")


def fit(kind, settings):
    configuration = complete(build_space(TRAITS[kind]), settings)
    assert all(configuration[name] == value for name, value in settings.items())
    target = NUMBERS if kind == "regression" else CLASSES
    pipeline = build_pipeline(configuration, FitContext(TRAITS[kind], time_limit=2.0, device="cpu"))
    table = fit_preprocessing(pipeline, configuration, X, target, None)
    pipeline[-1].fit(table, target, sample_weight=None)
    return pipeline, table


@pytest.mark.parametrize(
    ("kind", "model", "choice"),
    [
        *(
            pytest.param(kind, name, "joint", marks=() if name in FAST else pytest.mark.slow)
            for kind in TRAITS
            for name in JOINT
            if (kind, name) != ("multiclass", "ridge")
        ),
        *((kind, "decision_tree", choice) for kind in TRAITS for choice in ("independent", "chain")),
    ],
)
def test_a_stored_pipeline_predicts_the_columns_of_all_targets(kind, model, choice):
    pipeline, table = fit(kind, {"model": model, "multi_output": choice})
    last = storage.load(storage.dump(pipeline))[-1]
    plain = last.predict(table) if kind == "regression" else last.predict_proba(table)
    assert plain.shape == (90, LAYOUTS[kind].n_columns)
    # Networks predict with torch here, and in NumPy where they are read from a file.
    assert np.allclose(fast_predict(last)(table), plain, atol=1e-5 * np.abs(plain).max())
    if kind == "regression":
        assert np.corrcoef(plain[:, 0], NUMBERS[:, 0])[0, 1] > 0.5
    else:
        assert all(np.allclose(block.sum(axis=1), 1) for block in LAYOUTS[kind].blocks(plain))
        assert (LAYOUTS[kind].codes(plain) == CLASSES).mean() > 0.7


def test_every_sampled_configuration_goes_with_its_way_to_learn_several_targets():
    space = build_space(TRAITS["multiclass"], seed=0)
    for sampled in space.sample_configuration(200):
        configuration = to_configuration(sampled)
        if configuration["multi_output"] == "joint":
            assert configuration["model"] in JOINT
            assert configuration["balancing"] == configuration["calibration"] == "none"


def test_one_target_has_no_choice_for_several():
    assert choices(build_space(TableTraits("regression", 90, 4)), "multi_output") == ()


def test_steps_that_learn_from_one_target_leave_the_space():
    traits = TableTraits(
        "multiclass", 900, 9, 3, categorical=(0, 1), cardinalities=(5, 50), targets=LAYOUTS["multiclass"]
    )
    space = build_space(traits)
    assert "target" not in choices(space, "encoding")
    assert not {"univariate", "model_based"} & set(choices(space, "selection"))
    assert not {"categorical_interactions", "combined_features"} & set(choices(space, "generation"))


def test_a_chain_on_true_targets_is_that_of_scikit_learn():
    target = (NUMBERS - NUMBERS.mean(axis=0)) / NUMBERS.std(axis=0)  # which the chain does itself
    chain = ChainedRegressors([Ridge(), Ridge(), Ridge()], previous="true").fit(X, target)
    assert np.allclose(chain.predict(X), RegressorChain(Ridge()).fit(X, target).predict(X))


@pytest.mark.parametrize("previous", ["true", "out_of_fold"])
def test_a_chain_takes_sparse_tables_and_a_random_order(previous):
    models = [LogisticRegression(), LogisticRegression()]
    chain = ChainedClassifiers(models, (2, 3), "random", previous, random_state=1)
    probabilities = chain.fit(sparse.csr_matrix(X), CLASSES).predict_proba(sparse.csr_matrix(X))
    assert sorted(chain.order_) == [0, 1]
    assert (LAYOUTS["multiclass"].codes(probabilities) == CLASSES).mean() > 0.8


def test_a_target_of_one_class_in_the_training_rows_is_predicted_as_this_class():
    target = np.column_stack([np.zeros(90, dtype=int), CLASSES[:, 1]])
    model = IndependentClassifiers([LogisticRegression(), LogisticRegression()], (2, 3)).fit(X, target)
    assert np.array_equal(model.predict_proba(X)[:, :2], np.tile([1.0, 0.0], (90, 1)))


def test_neighbors_never_exclude_a_class_that_training_has_seen():
    model = JointNeighborsClassifier(KNeighborsClassifier(5)).fit(X, CLASSES)
    assert min(p.min() for p in model.predict_proba(X)) > 0


def test_the_guess_of_the_seconds_counts_all_models_of_a_fit():
    space = build_space(TRAITS["regression"])
    configurations = {
        choice: complete(space, {"model": "random_forest", "multi_output": choice})
        for choice in ("joint", "independent", "chain")
    }
    seconds = {choice: predicted_seconds(c, TRAITS["regression"]) for choice, c in configurations.items()}
    assert seconds["joint"] < seconds["independent"] < seconds["chain"]
