"""Tests of archives: every value survives, nothing is executed, and damage is one error."""

from __future__ import annotations

import datetime
import io
import json
import pickle
import random
import sys
import zipfile
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl.testing.components import make_estimator, make_table, make_traits
from pipelines import storage
from pipelines.catalog import get_component
from pipelines.configuration import Configuration
from pipelines.table.reader import TableReader

X, Y = make_table("binary")


def _again(value, **options):
    return storage.load(storage.dump(value), **options)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, 2**80, -1.5, 1e-320, "text", "\ud7ff\u2028", [], [1, [2.0, None]], (), (1, "a"), {"a": {"b": 1}},
        {1: "a", (2, 3): "b", None: "c"}, {1, 2}, frozenset({"a"}), b"\0\xff", slice(1, None), 2 + 3j, range(3),
        datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 1, 2, 3, 4), datetime.time(1, 2), Decimal("1.10"),
        Path("a") / "b", np.dtype("<M8[us]"), np.float64, pd.Timestamp("2024-01-01", tz="Europe/Rome"),
        pd.Timestamp("9999-12-31").as_unit("us"), pd.Timedelta(3, "s"), pd.Period("2024Q1"), pd.Interval(0, 1.5),
        np.int64(3), np.float32(0.1), np.bool_(True), np.str_("a"), np.datetime64("2024-01-01"),
        Configuration({"model": "ridge", "n": 1}), MappingProxyType({"a": 1}),
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_survives_with_its_type(value):
    found = _again({"held": [value, (value,)]})["held"]
    assert found == [value, (value,)]
    assert type(found[0]) is type(value)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), np.float32("nan")])
def test_numbers_that_json_does_not_have_survive(value):
    found = _again(value)
    assert type(found) is type(value)
    np.testing.assert_equal(found, value)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 0)), np.array(3.5), np.arange(6.0).reshape(2, 3).T, np.arange(12).reshape(3, 4)[:, ::2],
        np.array(["a", "bc"]), np.array(["2024-01-01", "NaT"], "M8[us]"), np.array([1 + 2j]), np.array([np.nan, -0.0]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), np.arange(3, dtype=">i4"), np.array([1, 2], np.float16),
    ],
)  # fmt: skip
def test_an_array_survives_with_its_bits_and_its_order(array):
    found = _again({"x": array})["x"]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.f_contiguous == array.flags.f_contiguous or not array.flags.contiguous
    assert found.flags.writeable


def test_an_array_of_objects_keeps_its_shape_and_its_cells():
    cells = np.array([["a", None], [(1, 2), 3.5]], dtype=object)
    found = _again(cells)
    assert found.dtype == object
    assert found.tolist() == cells.tolist()


def test_a_frame_survives():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [True, False], "d": [0.5, np.nan]})
    pd.testing.assert_frame_equal(_again(frame), frame)
    pd.testing.assert_frame_equal(_again(frame.set_index("a")[["c"]]).reset_index(drop=True), frame[["c"]])


def test_sparse_matrices_and_shared_objects_survive():
    matrix = sparse.random(5, 4, 0.5, format="csr", rng=np.random.default_rng(0))
    array, model = np.arange(3.0), LogisticRegression()
    found = _again({"m": matrix, "a": array, "b": array, "first": model, "second": [model]})
    assert (found["m"] != matrix).nnz == 0
    assert found["a"] is found["b"]
    assert found["first"] is found["second"][0]


@pytest.mark.parametrize(
    "value",
    [lambda x: x, io.BytesIO(), OrderedDict(a=1), iter([1]), sys.stdout, type("Local", (dict,), {})()],
    ids=["function", "file", "OrderedDict", "iterator", "stdout", "subclass"],
)
def test_what_cannot_be_written_is_one_error_that_says_where(value):
    model = LogisticRegression(class_weight=value)
    with pytest.raises(storage.StorageError, match="class_weight"):
        storage.dump(make_pipeline(model))


def test_a_table_reader_reads_the_same_columns_of_all_kinds():
    rng = np.random.default_rng(0)
    n = 80
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n), "flag": rng.random(n) < 0.5, "city": rng.choice(["Rome", "Oslo"], n),
            "price": [f"EUR {value:,.2f}" for value in rng.uniform(1e3, 1e5, n)], "same": 1,
            "day": pd.date_range("2024-01-01", periods=n), "text day": [f"{i % 28 + 1:02d}.03.2024" for i in range(n)],
            "time": [f"{i % 24:02d}:30" for i in range(n)], "wait": pd.to_timedelta(np.arange(n), "s"),
            "note": [" ".join(rng.choice(["good", "bad", "red", "blue", "big"], 5)) for _ in range(n)],
            "id": [f"A{i:05d}-{rng.integers(1e6)}" for i in range(n)], ("tuple", 1): rng.normal(size=n),
        }
    )  # fmt: skip
    reader = TableReader().fit(frame, rng.integers(0, 2, n))
    assert np.array_equal(_again(reader).transform(frame), reader.transform(frame), equal_nan=True)


def test_equal_models_have_equal_archives():
    first, second = (storage.dump(LogisticRegression().fit(X, Y)) for _ in range(2))
    assert first == second


def test_a_forest_is_a_few_arrays_and_predicts_the_same():
    forest = RandomForestClassifier(20, random_state=0).fit(X, Y)
    data = storage.dump(forest)
    assert len(data) < 1.1 * len(pickle.dumps(forest))
    assert np.array_equal(storage.load(data).predict_proba(X), forest.predict_proba(X))


@pytest.mark.parametrize(
    "value",
    [
        [list(range(n)) for n in range(1, 10)],
        [[] for _ in range(8)],
        [[[0.5, None]] * n for n in range(8)],
        [{"a": [1] * n} for n in range(8)],
        [{"a": 1}, *({"b": n} for n in range(8))],
    ],
)
def test_many_lists_of_different_lengths_survive(value):
    assert _again(value) == value


def test_many_folds_of_unequal_sizes_survive():
    folds = [[np.arange(n), np.arange(n % 3)] for n in range(9)]
    for found, fold in zip(_again(folds), folds, strict=True):
        np.testing.assert_equal(found, fold)


def test_many_boosted_models_of_different_lengths_survive():
    models = [HistGradientBoostingClassifier(max_iter=n, random_state=0).fit(X, Y) for n in range(1, 10)]
    for found, model in zip(_again(models), models, strict=True):
        assert found.n_iter_ == model.n_iter_
        np.testing.assert_array_equal(found.predict_proba(X), model.predict_proba(X))


def test_an_unknown_type_is_refused_unless_the_caller_trusts_it():
    data = storage.dump(MLPClassifier((2,), max_iter=1))
    with pytest.raises(
        storage.StorageError, match=r"needs sklearn.neural_network._multilayer_perceptron.MLPClassifier"
    ):
        storage.load(data)
    assert isinstance(storage.load(data, trusted=storage.named_types(data)), MLPClassifier)


def _edit(data, change):
    """Return the archive with another JSON, and the right checksums."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, json.dumps(change(json.loads(content))) if name == "objects.json" else content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "node"),
    [
        (["os", "system"], {"function": 0}),
        (["builtins", "eval"], {"partial": 0, "args": [["1"], {"dict": {}}]}),
        (["subprocess", "Popen"], {"built": 0, "args": [["touch", "x"]], "state": None}),
        (["sklearn.utils.validation", "check_array"], {"built": 0, "args": [1], "state": None}),
        (["numpy", "mean"], {"object": 0, "state": {}}),
        (["sklearn.pipeline", "Pipeline.fit"], {"function": 0}),
        (["pipelines.storage", "os"], {"type": 0}),
    ],
)
def test_a_hostile_archive_imports_and_calls_nothing(name, node):
    data = _edit(storage.dump([1]), lambda content: content | {"types": [name], "root": node})
    with pytest.raises(storage.StorageError, match=r"does not trust|wrong place"):
        storage.load(data)


@pytest.mark.parametrize("model", [RandomForestClassifier(2), HistGradientBoostingClassifier(max_iter=2)])
def test_trees_whose_nodes_point_outside_are_refused(model):
    model.fit(X, Y)
    trees = [tree for trees in getattr(model, "_predictors", []) for tree in trees]
    if trees:
        trees[0].nodes["left"][0] = 10_000
    else:
        model.estimators_[0].tree_.children_left[0] = 10_000
    with pytest.raises(storage.StorageError, match="do not form a tree"):
        _again(model)


def test_a_k_d_tree_whose_rows_are_outside_is_refused():
    model = KNeighborsClassifier(algorithm="kd_tree").fit(X, Y)
    assert np.array_equal(_again(model).predict_proba(X), model.predict_proba(X))
    np.asarray(model._tree.__getstate__()[1])[0] = 10_000
    with pytest.raises(storage.StorageError, match="do not form a tree"):
        _again(model)


def test_a_huge_list_or_array_is_refused_before_memory_is_used():
    data = storage.dump(np.zeros(3))
    long = {"series": {"same": 1, "n": 10**12}}
    with pytest.raises(storage.StorageError, match="too long"):
        storage.load(_edit(data, lambda content: content | {"root": long}))
    cells = {"cells": [], "shape": [10**12]}
    with pytest.raises(storage.StorageError, match="does not fit its cells"):
        storage.load(_edit(data, lambda content: content | {"root": cells}))


def test_a_compressed_archive_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("objects.json", b"0" * 10**6)
    with pytest.raises(storage.StorageError, match="not stored as it is"):
        storage.load(out.getvalue())


def test_a_deep_archive_is_one_error():
    data = _edit(storage.dump(1), lambda content: content)
    deep = json.dumps({"format": 1, "types": [], "root": 0}).replace('"root": 0', '"root": ' + "[" * 9000 + "]" * 9000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("objects.json", deep)
    assert storage.load(data) == 1
    with pytest.raises(storage.StorageError, match="RecursionError"):
        storage.load(out.getvalue())


def test_damage_is_one_error_or_changes_nothing():
    model = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)).fit(X, Y)
    data, expected, rng = storage.dump(model), model.predict_proba(X), random.Random(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        kind = rng.randrange(3)
        if kind == 0:
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del damaged[rng.randrange(len(data)) :]
        else:
            start = rng.randrange(len(data))
            damaged[start : start + 50] = rng.randbytes(50)
        try:
            found = storage.load(bytes(damaged))
        except storage.StorageError:
            refused += 1
            continue
        assert np.array_equal(found.predict_proba(X), expected)  # for example a bit of a date in the zip file
    assert refused > 250


class _Forbidden(pickle.Unpickler):
    def __init__(self, *args, **options):
        raise AssertionError("an archive was unpickled")


@pytest.mark.parametrize(
    "family", ["lightgbm", "xgboost", "catboost", pytest.param("tabm", marks=pytest.mark.slow), "random_forest"]
)
def test_an_archive_is_read_without_pickle_and_its_parts_by_their_libraries(family, monkeypatch, tmp_path):
    fitted = make_estimator(get_component("model", family), make_traits("binary")).fit(X, Y)
    data, expected = storage.dump(fitted), fitted.predict_proba(X)
    events = []
    sys.addaudithook(lambda event, _: events.append(event) if event == "pickle.find_class" else None)
    with monkeypatch.context() as patch:
        for name in ("load", "loads", "Unpickler"):
            patch.setattr(pickle, name, _Forbidden)
        patch.setattr(np.lib.format, "read_array", _Forbidden)
        assert np.array_equal(storage.load(data).predict_proba(X), expected)
    assert events == []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path)
        files = set(archive.namelist()) - {"objects.json"}
    _read_with_libraries(family, files, tmp_path)


def _read_with_libraries(family, files, folder):
    if "arrays.safetensors" in files:
        from safetensors.numpy import load_file

        arrays = load_file(folder / "arrays.safetensors")
        assert family != "tabm" or any("weights_" in name and array.size > 100 for name, array in arrays.items())
    if family == "lightgbm":
        import lightgbm

        assert lightgbm.Booster(model_file=folder / "lightgbm-0.txt").num_trees() > 0
    if family == "xgboost":
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(folder / "xgboost-0.ubj")
        assert booster.num_boosted_rounds() > 0
    if family == "catboost":
        import catboost

        assert catboost.CatBoost().load_model(str(folder / "catboost-0.cbm")).tree_count_ > 0


def test_a_small_archive_cannot_fill_the_memory():
    archive = storage.dump([])
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        content = json.loads(source.read("objects.json"))
    content["root"] = [{"series": {"same": 0, "n": 30_000}} for _ in range(1_000)]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("objects.json", json.dumps(content))
    with pytest.raises(storage.StorageError, match="a list is too long"):
        storage.load(buffer.getvalue())


def test_a_wide_table_of_equal_columns_can_be_read_again():
    reader = TableReader().fit(pd.DataFrame(np.ones((3, 5_000)) * [[0.0], [1.0], [2.0]]))
    assert len(_again(reader).columns_) == 5_000


def test_arrays_of_the_library_safetensors_can_be_read():
    from safetensors.numpy import save

    from pipelines.storage import tensors

    arrays = {"a": np.arange(6, dtype=np.int16).reshape(2, 3), "b": np.array([True]), "c": np.zeros((0, 2), np.float32)}
    found = tensors.read(bytearray(save(arrays)))
    assert found.keys() == arrays.keys()
    assert all(
        np.array_equal(found[name], array) and found[name].dtype == array.dtype for name, array in arrays.items()
    )


@pytest.mark.slow  # the import of skops takes seconds
def test_types_of_scikit_learn_are_trusted_by_skops_too_or_are_parts_of_such_types():
    from skops.io._trusted_types import SKLEARN_ESTIMATOR_TYPE_NAMES, SKLEARN_INTERNAL_TYPE_NAMES

    from pipelines.storage.trusted import BUILT, TYPES

    ours = {name for name in TYPES | BUILT if name.startswith("sklearn.")}
    more = ours - set(SKLEARN_ESTIMATOR_TYPE_NAMES) - set(SKLEARN_INTERNAL_TYPE_NAMES)
    parts = (
        "sklearn._loss._loss.Cy", "sklearn.calibration._", "sklearn.gaussian_process.kernels.",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", "sklearn.linear_model._sgd_fast.",
        "sklearn.metrics._dist_metrics.", "sklearn.neighbors._kd_tree.KDTree", "sklearn.tree._tree.Tree",
    )  # fmt: skip
    assert {name for name in more if not name.startswith(parts)} == set()
