"""Frames of any library: the same table gives the same predictions, bit for bit, and odd frames get a clear error."""

from __future__ import annotations

import datetime as dt
import decimal

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from automl import AutoMLClassifier, AutoMLRegressor, nested_cross_validate
from automl.errors import InvalidInputError
from automl.task.several_targets import target_columns
from automl.task.validation import read_target
from pipelines.table.reader import TableReader

N_ROWS = 120
ZONE = dt.timezone(dt.timedelta(hours=2))


def columns(seed: int = 0) -> dict[str, list[object]]:
    """Return the cells of a table as Python objects, with a missing cell in every column but two."""
    rng = np.random.default_rng(seed)
    draw = rng.random((N_ROWS, 8))
    first = dt.datetime(2024, 1, 1, 6, 30)
    cells: dict[str, list[object]] = {
        "float": rng.normal(size=N_ROWS).tolist(),
        "whole": rng.integers(0, 2**60, N_ROWS).tolist(),
        "full": rng.integers(0, 50, N_ROWS).tolist(),
        "flag": (draw[:, 0] < 0.5).tolist(),
        "sure": (draw[:, 1] < 0.5).tolist(),
        "text": [f"level {int(v * 4)}" for v in draw[:, 2]],
        "number_text": [f"{v:.3f}" for v in draw[:, 3]],
        "category": [["low", "mid", "high"][int(v * 3)] for v in draw[:, 4]],
        "day": [(first + dt.timedelta(days=int(v * 900))).date() for v in draw[:, 5]],
        "moment": [first + dt.timedelta(seconds=int(v * 1e7)) for v in draw[:, 6]],
        "zoned": [(first + dt.timedelta(seconds=int(v * 1e7))).replace(tzinfo=dt.UTC) for v in draw[:, 7]],
        "span": [dt.timedelta(seconds=int(v * 1e5)) for v in draw[:, 0]],
        "price": [decimal.Decimal(f"{v * 100:.2f}") for v in draw[:, 1]],
        "clock": [dt.time(int(v * 24), 5) for v in draw[:, 2]],
        "empty": [None] * N_ROWS,
    }
    for name, values in cells.items():
        if name not in ("full", "sure"):
            for i in rng.choice(N_ROWS, 7, replace=False):
                values[int(i)] = None
    return cells


def as_numpy(cells: dict[str, list[object]]) -> pd.DataFrame:
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in cells.items()})
    for name in ("float", "whole"):
        frame[name] = frame[name].astype(float)
    frame["full"], frame["sure"] = frame["full"].astype(int), frame["sure"].astype(bool)
    frame["category"] = frame["category"].astype("category")
    for name in ("moment", "zoned"):
        frame[name] = pd.to_datetime(frame[name])
    frame["span"] = pd.to_timedelta(frame["span"])
    return frame


def as_nullable(cells: dict[str, list[object]]) -> pd.DataFrame:
    kinds = {"float": "Float64", "whole": "Int64", "full": "UInt8", "flag": "boolean", "sure": "boolean"}
    return as_numpy(cells | {"whole": cells["whole"]}).assign(
        **{name: pd.array(cells[name], dtype=kind) for name, kind in kinds.items()},
        text=pd.array(cells["text"], dtype="string[pyarrow]"),
        number_text=pd.array(cells["number_text"], dtype="string[python]"),
    )


def as_arrow(cells: dict[str, list[object]]) -> pa.Table:
    table = pa.table({name: pa.array(values) for name, values in cells.items()})
    at = table.schema.get_field_index("category")
    table = table.set_column(at, "category", table["category"].dictionary_encode())
    return pa.concat_tables([table.slice(0, 50), table.slice(50)])  # columns of two chunks


def as_arrow_dtypes(cells: dict[str, list[object]]) -> pd.DataFrame:
    return as_arrow(cells).to_pandas(types_mapper=pd.ArrowDtype)


def as_polars(cells: dict[str, list[object]]) -> pl.DataFrame:
    return pl.DataFrame(cells).with_columns(pl.col("category").cast(pl.Categorical))


FORMS = {
    "nullable": as_nullable,
    "arrow dtypes": as_arrow_dtypes,
    "pyarrow": as_arrow,
    "record batch": lambda cells: as_arrow(cells).combine_chunks().to_batches()[0],
    "polars": as_polars,
    "narwhals": lambda cells: nw.from_native(as_polars(cells)),
}


def target() -> list[str]:
    values = np.array(columns()["full"])
    return np.where(values + np.random.default_rng(1).normal(size=N_ROWS) > 25, "yes", "no").tolist()


def fit(X: object, y: object) -> AutoMLClassifier:
    clf = AutoMLClassifier(
        time_budget=None, max_trials=2, include=["random_forest", "lightgbm"], n_jobs=1, random_state=0, verbose=0
    )
    return clf.fit(X, y)


@pytest.fixture(scope="module")
def model() -> AutoMLClassifier:
    return fit(as_numpy(columns()), target())


@pytest.mark.parametrize("form", FORMS)
def test_a_reader_reads_the_same_numbers_from_each_form(form):
    known = TableReader().fit(as_numpy(columns()))
    reader = TableReader().fit(FORMS[form](columns()))
    assert [c.kind for c in reader.columns_] == [c.kind for c in known.columns_]
    expected = known.transform(as_numpy(columns()))
    np.testing.assert_array_equal(reader.transform(FORMS[form](columns())), expected)
    np.testing.assert_array_equal(known.transform(FORMS[form](columns(3))), known.transform(as_numpy(columns(3))))


@pytest.mark.parametrize("form", FORMS)
def test_predictions_are_equal_and_are_arrays(form, model):
    X = FORMS[form](columns(3))
    for method in ("predict", "predict_proba"):
        found = getattr(model, method)(X)
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, getattr(model, method)(as_numpy(columns(3))))
    assert model.score(X, target()) == model.score(as_numpy(columns(3)), target())


def test_a_fit_on_any_form_gives_the_same_model(model):
    X, y = as_polars(columns()), pl.Series("target", target())
    other = fit(X, y)
    assert other._target_name == "target"
    assert other.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(other.predict_proba(as_arrow(columns(3))), model.predict_proba(as_numpy(columns(3))))
    losses = [[[fold.loss for fold in r.folds.values()] for r in m.history_] for m in (other, model)]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_methods_with_tables_take_frames(model):
    X, y = as_polars(columns(3)), pl.Series(target())
    arrow, labels = as_arrow(columns(3)), pa.chunked_array([target()[:50], target()[50:]])
    frame, plain = as_numpy(columns(3)), target()
    expected = model.importance(1, 0, frame, plain)
    pd.testing.assert_frame_equal(model.importance(1, 0, X, y), expected)
    pd.testing.assert_frame_equal(model.importance(1, 0, arrow, labels), expected)
    explained = model.explain(X[:2], background=X[2:12], max_evaluations=50)
    np.testing.assert_array_equal(
        explained.values, model.explain(frame[:2], background=frame[2:12], max_evaluations=50).values
    )
    assert model.score(X, y) == model.score(arrow, labels) == model.score(frame, plain)


def test_an_enum_is_an_ordered_category():
    levels = ["low", "mid", "high"]
    enum = as_polars(columns()).with_columns(pl.col("category").cast(pl.String).cast(pl.Enum(levels)))
    frame = as_numpy(columns())
    ordered = frame.assign(category=frame["category"].cat.set_categories(levels, ordered=True))
    np.testing.assert_array_equal(TableReader().fit_transform(enum), TableReader().fit_transform(ordered))


@pytest.mark.parametrize(
    "y",
    [
        pl.Series("target", [1.0, 2.0, 3.0, 4.5] * 30),
        pa.chunked_array([[1.0, 2.0, 3.0, 4.5] * 30]),
        pa.array([1.0, 2.0, 3.0, 4.5] * 30),
        pd.Series([1.0, 2.0, 3.0, 4.5] * 30, dtype="Float64"),
        pd.Series([1.0, 2.0, 3.0, 4.5] * 30, dtype="double[pyarrow]"),
    ],
    ids=["polars", "chunks", "array", "nullable", "arrow dtype"],
)
def test_targets_of_all_libraries_are_read(y):
    found = read_target(y, as_polars(columns()))
    np.testing.assert_array_equal(found, [1.0, 2.0, 3.0, 4.5] * 30)
    assert found.dtype == np.float64


@pytest.mark.parametrize("form", [pl.DataFrame, pa.table, nw.from_dict], ids=["polars", "pyarrow", "narwhals"])
def test_several_targets_of_all_libraries_are_read(form):
    cells = {"a": [1.0, 2.0] * 60, "b": ["x", "y"] * 60}
    y = form(cells, backend="polars") if form is nw.from_dict else form(cells)
    names, values = target_columns(y, as_polars(columns()))
    assert names == ("a", "b")
    assert [column.tolist() for column in values] == list(cells.values())


def test_a_target_with_missing_values_is_refused():
    reg = AutoMLRegressor(time_budget=None, max_trials=1, verbose=0)
    for y in (pl.Series([1.0, None] * 60), pa.chunked_array([[1.0, None] * 60])):
        with pytest.raises(InvalidInputError, match="missing in 60 of 120 rows"):
            reg.fit(as_polars(columns()), y)


def test_a_lazy_frame_gets_one_clear_error(model):
    lazy = as_polars(columns()).lazy()
    for call in (
        lambda: AutoMLClassifier(time_budget=None, max_trials=1, verbose=0).fit(lazy, target()),
        lambda: model.predict(lazy),
        lambda: model.score(lazy, target()),
        lambda: model.explain(lazy),
        lambda: nested_cross_validate({"model": model}, lazy, target()),
        lambda: model.refit(lazy, target()),
    ):
        with pytest.raises(InvalidInputError, match=r"X is a lazy frame \(polars.LazyFrame\).*X\.collect\(\)"):
            call()


def test_cells_of_lists_and_infinite_numbers_are_refused_by_the_name_of_the_column(model):
    for bad in (pl.Series("float", [[1.0]] * N_ROWS), pl.Series("float", [np.inf] * N_ROWS)):
        with pytest.raises(InvalidInputError, match="column 'float' holds"):
            model.predict(as_polars(columns()).with_columns(bad))


def test_an_arrow_table_with_an_index_of_pandas_has_only_the_columns_of_the_frame(model):
    frame = as_numpy(columns(3)).set_index(pd.Index(np.arange(N_ROWS) ** 2, name="row"))
    table = pa.Table.from_pandas(frame)
    assert "row" in table.column_names
    np.testing.assert_array_equal(model.predict_proba(table), model.predict_proba(frame))
    numbered = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 3)))
    reader = TableReader().fit(numbered)
    np.testing.assert_array_equal(reader.transform(pa.Table.from_pandas(numbered)), numbered)


def test_whole_numbers_of_128_bits_are_numbers():
    table = pl.DataFrame({"big": pl.Series([1, None, 2**70], dtype=pl.Int128)})
    np.testing.assert_array_equal(TableReader().fit_transform(table), [[1.0], [np.nan], [2.0**70]])


@pytest.mark.slow
def test_validation_rows_may_be_frames():
    X = as_polars(columns()).select("float", "full", "text")
    frame = as_numpy(columns())[["float", "full", "text"]]
    fast = {"time_budget": None, "max_trials": 1, "include": ["ridge"], "n_jobs": 1, "random_state": 0, "verbose": 0}
    numbers = X["full"].cast(pl.Float64) + 0.5
    found = AutoMLRegressor(**fast).fit(X[:90], numbers[:90], X_val=X[90:], y_val=numbers[90:]).predict(X)
    plain = numbers.to_numpy()
    known = AutoMLRegressor(**fast).fit(frame[:90], plain[:90], X_val=frame[90:], y_val=plain[90:]).predict(frame)
    np.testing.assert_array_equal(found, known)
