"""Corrections of the guessed costs of fits, fitted to results."""

import numpy as np
import pytest

from meta_db.records import DatasetRecord, EvaluationRecord, Results
from meta_db.store import MetaDatabase
from metalearning.correction import (
    FIT_MEMORY,
    SECONDS,
    Correction,
    fit_correction,
    fit_corrections,
    guess_all,
    load_corrections,
    trained_on,
)
from pipelines.component import TableTraits
from pipelines.configuration import Configuration

FOREST = Configuration({"model": "extra_trees"})
TREE = Configuration({"model": "decision_tree"})
ENTRIES = [(0, FOREST), (1, TREE)]


@pytest.fixture(scope="module")
def datasets():
    rng = np.random.default_rng(0)
    found = []
    for i, n in enumerate(np.geomspace(100, 10_000, 30).astype(int)):
        traits = TableTraits("regression", int(n), int(rng.integers(3, 60)))
        found.append((i, DatasetRecord(f"d{i}", f"m{i}", f"d{i}", int(n), traits, {}, np.zeros(1))))
    return found


@pytest.fixture(scope="module")
def guesses(datasets):
    ones = np.ones((len(datasets), 2))
    return guess_all(SECONDS, Results(datasets, ENTRIES, ones, ones, ones))


@pytest.fixture
def fitted_to(datasets, guesses):
    """Fits a correction to results that are the components' guesses times a factor, with a noise of a tenth."""

    def fit_to(factor):
        noise = np.exp(0.1 * np.random.default_rng(1).normal(size=guesses.shape))
        factors = np.array([factor(record.traits) for _, record in datasets])[:, None]
        return fit_correction(SECONDS, Results(datasets, ENTRIES, guesses, guesses * factors * noise, guesses), guesses)

    return fit_to


@pytest.mark.slow
def test_a_machine_that_is_three_times_as_slow_is_noticed(datasets, fitted_to):
    middle, upper = fitted_to(lambda traits: 3.0).factors("extra_trees", datasets[7][1].traits)
    assert middle == pytest.approx(3.0, rel=0.15)
    assert middle < upper < 1.4 * middle


@pytest.mark.slow
def test_a_wrong_exponent_of_the_rows_is_corrected(datasets, fitted_to):
    correction = fitted_to(lambda traits: (traits.n_rows / 1_000) ** 0.5)
    small, large = (correction.factors("decision_tree", trained_on(datasets[i][1]))[0] for i in (2, -3))
    assert large / small == pytest.approx((datasets[-3][1].n_rows / datasets[2][1].n_rows) ** 0.5, rel=0.3)


def test_tables_larger_than_any_known_get_the_factor_of_the_largest(fitted_to):
    correction = fitted_to(lambda traits: (traits.n_rows / 1_000) ** 0.5)
    here, far = (TableTraits("regression", n, 10) for n in (10_000, 10_000_000))
    assert correction.factors("extra_trees", far)[0] == pytest.approx(
        correction.factors("extra_trees", here)[0], rel=0.25
    )


def test_a_family_that_nothing_is_known_of_keeps_its_guess_and_a_wide_bound():
    middle, upper = Correction({}).factors("lightgbm", TableTraits("regression", 100, 3))
    assert middle == 1.0
    assert upper > 2.0


def test_a_correction_is_the_same_after_it_was_saved(fitted_to):
    correction = fitted_to(lambda traits: 2.0)
    assert Correction.from_json(correction.to_json()) == correction


@pytest.mark.slow
def test_corrections_of_seconds_and_memory_are_saved_in_the_database(tmp_path, datasets):
    with MetaDatabase(tmp_path / "meta.sqlite", writable=True) as database:
        for _, record in datasets:
            guess = max(FIT_MEMORY.least, FIT_MEMORY.guess(FOREST, trained_on(record)))
            evaluation = EvaluationRecord("ok", {"r2": (0.5,)}, fit_seconds=100.0, own_memory=2 * guess)
            database.add_evaluation(database.add_dataset(record), FOREST, evaluation, "fill", {})
        assert load_corrections(database)[FIT_MEMORY.name] == Correction({})
        fit_corrections(database)
        corrections = load_corrections(database)
        traits = datasets[5][1].traits
        assert corrections[SECONDS.name].factors("extra_trees", traits)[0] > 10
        assert corrections[FIT_MEMORY.name].factors("extra_trees", traits)[0] == pytest.approx(2.0, rel=0.1)
