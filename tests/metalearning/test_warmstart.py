"""The initial design, from a meta-database that holds a few quick configurations on small tables."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from automl.meta.build import BenchmarkTable, MeasurementProtocol, build_database
from meta_db.store import MetaDatabase
from metalearning.features import compute_metafeatures
from metalearning.warmstart import recommend
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete
from pipelines.table.reader import TableReader

ENTRIES = [
    Configuration({"model": "gaussian_nb"}),
    Configuration({"model": "lda", "scaling": "standard"}),
    Configuration({"model": "ridge", "scaling": "standard"}),
    Configuration({"model": "decision_tree"}),
    Configuration({"model": "k_nearest_neighbors", "scaling": "standard"}),
]
LOADERS = {"iris": load_iris, "wine": load_wine, "cancer": load_breast_cancer, "diabetes": load_diabetes}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    for name, load in LOADERS.items():
        table = load(as_frame=True).frame
        if name != "diabetes":
            table["target"] = table["target"].astype(str)
        table.to_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def database_file(tables):
    sources = [BenchmarkTable(name, tables / f"{name}.parquet", name != "diabetes") for name in LOADERS]
    path = tables / "memory.sqlite"
    with MetaDatabase(path, writable=True) as database:
        build_database(sources, database, [ENTRIES], protocol=MeasurementProtocol(max_rows=150), n_workers=2)
    return path


def ask(database_file, name, cost=lambda configuration: 0.1, left_out=(), repeats=1):
    X, y = LOADERS[name](return_X_y=True)
    X, y = np.tile(X, (repeats, 1)), np.tile(y, repeats)
    reader = TableReader()
    numbers = reader.fit_transform(X)
    task = "regression" if name == "diabetes" else "binary" if name == "cancer" else "multiclass"
    traits = reader.traits(task, 0 if task == "regression" else len(np.unique(y)), n_rows=len(y))
    with MetaDatabase(database_file) as database:
        return recommend(
            [database],
            compute_metafeatures(numbers, y, traits, level="cheap"),
            build_space(traits),
            "accuracy",
            cost,
            0.1,
            left_out,
        )


def test_the_nearest_data_set_of_a_table_is_the_table_itself(database_file):
    for name in ("iris", "wine"):  # used whole
        assert ask(database_file, name).similar[0][0] == name


def test_what_was_measured_on_as_many_rows_is_nearer(tables):
    source = BenchmarkTable("cancer", tables / "cancer.parquet", True)
    with MetaDatabase(tables / "sizes.sqlite", writable=True) as database:
        for max_rows in (100, 569):
            build_database(
                [source], database, [ENTRIES[:1]], protocol=MeasurementProtocol(max_rows=max_rows), n_workers=1
            )
    (_, nearest), (_, other) = ask(tables / "sizes.sqlite", "cancer").similar
    assert nearest.distance == pytest.approx(0, abs=1e-6)
    assert other.distance > 0.1


def test_configurations_noted_in_part_and_whole_are_the_same(tables):
    X, y = load_iris(return_X_y=True)
    reader = TableReader()
    reader.fit(X)
    space = build_space(reader.traits("multiclass", 3, n_rows=len(y)))
    whole = [c for entry in ENTRIES if (c := complete(space, entry)) is not None]
    with MetaDatabase(tables / "whole.sqlite", writable=True) as database:
        for name, entries in (("iris", ENTRIES), ("wine", whole)):
            source = BenchmarkTable(name, tables / f"{name}.parquet", True)
            build_database([source], database, [entries], protocol=MeasurementProtocol(max_rows=150), n_workers=1)
    found = ask(tables / "whole.sqlite", "wine").posterior
    assert set(found.configurations) == set(whole)
    assert np.isfinite(found.losses).all()


def test_a_family_that_is_left_out_is_not_asked(database_file):
    assert "iris" not in [name for name, _ in ask(database_file, "iris", left_out={"iris"}).similar]


def test_configurations_are_of_the_table_s_own_space_and_each_comes_once(database_file):
    found = ask(database_file, "iris", left_out={"iris"}).configurations
    assert {c.family for c in found} == {"gaussian_nb", "lda", "decision_tree", "k_nearest_neighbors"}
    assert len(set(found)) == len(found)


def test_only_data_sets_of_the_same_kind_are_asked(database_file):
    assert [name for name, _ in ask(database_file, "diabetes").similar] == ["diabetes"]
    assert "diabetes" not in [name for name, _ in ask(database_file, "iris").similar]


def test_a_database_of_nothing_similar_recommends_nothing(database_file):
    assert ask(database_file, "diabetes", left_out={"diabetes"}).configurations == []


def test_a_table_far_larger_than_all_known_ones_gets_no_recommendation(database_file):
    assert ask(database_file, "iris", repeats=1).configurations
    found = ask(database_file, "iris", repeats=30)
    assert found.configurations == []
    assert found.similar


def test_what_must_not_be_tried_is_not_recommended(database_file):
    found = ask(database_file, "wine", cost=lambda c: float("inf") if c.family == "lda" else 0.1).configurations
    assert found
    assert "lda" not in {c.family for c in found}


def test_with_patience_the_best_on_the_same_table_comes_first(database_file):
    with MetaDatabase(database_file) as database:
        number = next(number for number, record in database.datasets() if record.name == "wine")
        scores = database.scores(number, "accuracy")
    worst = min(scores, key=lambda configuration: scores[configuration])
    assert ask(database_file, "wine").configurations[0].family != worst.family
