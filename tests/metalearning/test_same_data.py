"""A table is recognized in the shipped meta-database by its content, whole or in part."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from meta_db.store import SHIPPED, MetaDatabase
from metalearning.features import compute_metafeatures
from metalearning.same_data import find_named, find_same, holds_rows
from pipelines.table.reader import TableReader


def meta_features(X, y):
    reader = TableReader()
    numbers = reader.fit_transform(X)
    n_classes = len(np.unique(y))
    traits = reader.traits("binary" if n_classes == 2 else "multiclass", n_classes, n_rows=len(y))
    return compute_metafeatures(numbers, y, replace(traits, n_rows=len(y)), level="cheap")


@pytest.mark.parametrize("share", [1.0, 0.8, 0.5])
def test_a_known_table_is_recognized_whole_and_in_part(share):
    X, y = load_breast_cancer(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[: int(share * len(y))]
    with MetaDatabase(SHIPPED) as database:
        assert find_same(database, meta_features(X[rows], y[rows])) == {"wdbc": "wbc"}


def test_other_tables_of_the_same_size_are_not_recognized():
    X, y = load_breast_cancer(return_X_y=True)
    other = np.random.default_rng(0).normal(size=X.shape)
    with MetaDatabase(SHIPPED) as database:
        assert find_same(database, meta_features(other, y)) == {}


def test_a_table_with_more_rows_or_other_columns_is_another_data_set():
    X, y = load_wine(return_X_y=True)
    known = meta_features(X, y).values
    assert holds_rows(known, known)
    twice = meta_features(np.tile(X, (2, 1)), np.tile(y, 2)).values
    assert not holds_rows(known, twice)
    assert not holds_rows(known, meta_features(X[:, :-3], y).values)
    assert not holds_rows(known, meta_features(*load_iris(return_X_y=True)).values)


def test_names_are_found_in_any_spelling_with_their_near_duplicates():
    with MetaDatabase(SHIPPED) as database:
        assert find_named([database], ["KR-vs-KP"]) == {"kr_vs_kp": "kr_vs_kp"}
        heart = find_named([database], ["heart"])
        assert {"heart_statlog", "cleveland"} <= heart.keys()
        assert set(heart.values()) == {"heart"}
        assert find_named([database], ["no such data set"]) == {}
