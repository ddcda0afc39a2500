"""Fit one system on one table in the system's own interpreter; only pandas, NumPy, psutil and the system are imported.

Usage: worker.py FOLDER, where FOLDER holds train.parquet, test.parquet and settings.json. The worker writes
predictions.npz and timings.json to the same folder.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, TypedDict

import numpy as np
import pandas as pd
import psutil


class WorkerSettings(TypedDict):
    """Settings of one fit, as `benchmarks.run` writes them; `scratch` is a folder for the files of the system."""

    dataset: str
    system: str
    package: str
    task: Literal["binary", "multiclass", "regression"]
    metric: str
    budget: float
    cores: int
    seed: int
    scratch: str


# A fitted model (with `classes_` for classification) and the function that predicts the test rows.
Fitted = tuple[Any, Callable[[], Any]]


class PeakMemory(threading.Thread):
    """Watch the largest resident memory of this process and its children, in MiB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        """Measure five times a second until `over` is set."""
        me = psutil.Process()
        while not self.over.wait(0.2):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total / 2**20)


VARIANTS: dict[str, dict[str, Any]] = {
    "automl": {},
    "automl_handmade": {"initial_configurations": "default"},
    "automl_random": {"searcher": "random"},
    "automl_handmade_random": {"initial_configurations": "default", "searcher": "random"},
    "automl_hyperband": {"searcher": "hyperband"},
    "automl_bohb": {"searcher": "bohb"},
    "automl_cpu": {"device": "cpu"},
    "automl_nonets": {"exclude": ["realmlp", "tabm", "resnet"]},
}


def _predictor(model: Any, test: pd.DataFrame, s: WorkerSettings) -> Callable[[], Any]:
    """Return the function that predicts the test rows: values for regression, probabilities for classification."""
    return lambda: model.predict(test) if s["task"] == "regression" else model.predict_proba(test)


def automl(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, s: WorkerSettings) -> Fitted:
    """Fit this package, whole or without one of its parts."""
    from automl import AutoMLClassifier, AutoMLRegressor

    ignore_own_meta_database()
    kind = AutoMLRegressor if s["task"] == "regression" else AutoMLClassifier
    settings = {"without": [s["dataset"]], **VARIANTS[s["system"]]}
    model = kind(time_budget=s["budget"], n_jobs=s["cores"], random_state=s["seed"], verbose=0, **settings)
    model.fit(train, y)
    return model, _predictor(model, test, s)


def ignore_own_meta_database() -> None:
    """Let the searches of this process use the shipped meta-database alone, without the file of the user."""
    os.environ["AUTOML_MEMORY"] = str(Path(tempfile.gettempdir()) / "automl-no-such-meta-database.sqlite")


def lightgbm(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, s: WorkerSettings) -> Fitted:
    """Fit LightGBM with its defaults."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if s["task"] == "regression" else LGBMClassifier
    model = kind(n_jobs=s["cores"], random_state=s["seed"], verbose=-1).fit(train, y)
    return model, _predictor(model, test, s)


def forest(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, s: WorkerSettings) -> Fitted:
    """Fit scikit-learn's random forest of 500 trees, with category codes in place of text."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    kind = RandomForestRegressor if s["task"] == "regression" else RandomForestClassifier
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    columns = make_column_transformer((encoder, make_column_selector(dtype_exclude="number")), remainder="passthrough")
    model = make_pipeline(columns, kind(500, n_jobs=s["cores"], random_state=s["seed"])).fit(train, y)
    return model, _predictor(model, test, s)


def _encode_target(y: pd.Series, task: str) -> tuple[Any, Any]:
    """Return the classes (None for regression), and the target as class codes or floats."""
    return (None, np.asarray(y, dtype=float)) if task == "regression" else np.unique(y, return_inverse=True)


def net(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, s: WorkerSettings) -> Fitted:
    """Fit one default configuration of a family of networks once on all training rows."""
    from pipelines.build import build_pipeline
    from pipelines.component import FitContext
    from pipelines.models import PORTFOLIO
    from pipelines.space import build_space, complete
    from pipelines.table.reader import TableReader

    classes, target = _encode_target(y, s["task"])
    reader = TableReader()
    X = reader.fit_transform(train)
    traits = reader.traits(s["task"], 0 if classes is None else len(classes), False, len(train))
    entry = next(entry for entry in PORTFOLIO if entry["model"] == s["system"].split("_")[1])
    configuration = complete(build_space(traits), entry)
    if configuration is None:
        raise ValueError(f"the first configuration of {s['system']} does not apply to this table")
    pipeline = build_pipeline(configuration, FitContext(traits, s["seed"], s["cores"])).fit(X, target)
    predict = pipeline.predict if classes is None else pipeline.predict_proba
    return SimpleNamespace(classes_=classes), lambda: predict(reader.transform(test))


def mlp(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, s: WorkerSettings) -> Fitted:
    """Fit scikit-learn's network with early stopping on one-hot encoded and standardized columns."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    kind = MLPRegressor if s["task"] == "regression" else MLPClassifier
    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number")),
        (numbers, make_column_selector(dtype_include="number")),
    )
    classes, target = _encode_target(y, s["task"])
    mean, scale = (target.mean(), target.std()) if classes is None else (0, 1)
    model = make_pipeline(columns, kind(early_stopping=True, max_iter=500, random_state=s["seed"]))
    model.fit(train, (target - mean) / scale if classes is None else target)
    predict = (lambda: mean + scale * model.predict(test)) if classes is None else lambda: model.predict_proba(test)
    return SimpleNamespace(classes_=classes), predict


def catboost(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, s: WorkerSettings) -> Fitted:
    """Fit CatBoost with its defaults, with text as categories."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if s["task"] == "regression" else CatBoostClassifier
    categories = list(train.select_dtypes(exclude="number").columns)
    train, test = (
        t.assign(**{c: t[c].astype(object).fillna("missing").astype(str) for c in categories}) for t in (train, test)
    )
    classes, target = _encode_target(y, s["task"])
    settings = {"thread_count": s["cores"], "random_seed": s["seed"], "verbose": 0, "allow_writing_files": False}
    model = kind(cat_features=categories, **settings).fit(train, target)
    return SimpleNamespace(classes_=classes), _predictor(model, test, s)


def pytabkit(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, s: WorkerSettings) -> Fitted:
    """Fit RealMLP or TabM with pytabkit's tuned defaults once on all training rows; NaN becomes the median."""
    import pytabkit

    name = {"realmlp": "RealMLP_TD", "tabm": "TabM_D"}[s["system"].split("_")[1]]
    classes, target = _encode_target(y, s["task"])
    kind = getattr(pytabkit, f"{name}_{'Regressor' if classes is None else 'Classifier'}")
    losses: dict[str, Any] = {} if classes is None else {"val_metric_name": "cross_entropy"}
    if classes is not None and name == "RealMLP_TD":
        losses["use_ls"] = False  # no label smoothing, because the metrics judge probabilities
    medians = train.median(numeric_only=True)  # RealMLP_TD takes no missing numbers
    model = kind(device="cpu", n_threads=s["cores"], random_state=s["seed"], verbosity=0, **losses)
    model.fit(train.fillna(medians), target)
    return SimpleNamespace(classes_=classes), _predictor(model, test.fillna(medians), s)


def autogluon(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, s: WorkerSettings) -> Fitted:
    """Fit AutoGluon with one of its presets."""
    from autogluon.tabular import TabularPredictor

    presets = {"best": "best_quality", "medium": "medium_quality", "v150": "best_quality_v150"}
    preset = presets[s["system"].split("_")[1]]
    metric = {"auc": "roc_auc", "logloss": "log_loss", "rmse": "root_mean_squared_error"}[s["metric"]]
    predictor = TabularPredictor("target", problem_type=s["task"], eval_metric=metric, path=s["scratch"], verbosity=0)
    predictor.fit(train.assign(target=y), presets=preset, time_limit=s["budget"], num_cpus=s["cores"])
    if s["task"] == "regression":
        return predictor, lambda: predictor.predict(test).to_numpy()
    known = SimpleNamespace(classes_=np.asarray(predictor.class_labels))
    return known, lambda: predictor.predict_proba(test)[list(predictor.class_labels)].to_numpy()


def flaml(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, s: WorkerSettings) -> Fitted:
    """Fit FLAML."""
    from flaml import AutoML

    model = AutoML()
    metric = {"auc": "roc_auc", "logloss": "log_loss", "rmse": "rmse"}[s["metric"]]
    task = "regression" if s["task"] == "regression" else "classification"
    limits = {"time_budget": s["budget"], "n_jobs": s["cores"], "seed": s["seed"]}
    model.fit(train, y, task=task, metric=metric, verbose=0, **limits)
    return model, _predictor(model, test, s)


class _H2O:
    """H2O's best model; `classes_` is None for regression."""

    def __init__(self, leader: Any, classes: Any):
        self.leader, self.classes_ = leader, classes

    def predict(self, test: pd.DataFrame) -> Any:
        """Return values, or probabilities with one column for each class."""
        import h2o

        answer = self.leader.predict(h2o.H2OFrame(test)).as_data_frame()
        if self.classes_ is None:
            return answer["predict"].to_numpy()
        return answer[[f"class_{code}" for code in range(len(self.classes_))]].to_numpy()


def h2o(train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, s: WorkerSettings) -> Fitted:
    """Fit H2O AutoML; its server runs in a Java process."""
    import h2o
    from h2o.automl import H2OAutoML

    h2o.init(nthreads=s["cores"], max_mem_size="12g")
    h2o.no_progress()
    classes = None if s["task"] == "regression" else np.unique(y)
    target: Any = y
    if classes is not None:
        # H2O reads a table as text, and labels such as "+" and "-" as numbers.
        target = [f"class_{code}" for code in np.searchsorted(classes, y)]
    frame = h2o.H2OFrame(train.assign(target=target))
    if classes is not None:
        frame["target"] = frame["target"].asfactor()
    search = H2OAutoML(max_runtime_secs=round(s["budget"]), seed=s["seed"] + 1, verbosity=None)
    search.train(y="target", training_frame=frame)
    model = _H2O(search.leader, classes)
    return model, lambda: model.predict(test)


FIT: dict[str, Callable[[pd.DataFrame, pd.Series, pd.DataFrame, WorkerSettings], Fitted]] = {
    "automl": automl,
    "lightgbm": lightgbm,
    "forest": forest,
    "net": net,
    "mlp": mlp,
    "catboost": catboost,
    "pytabkit": pytabkit,
    "autogluon": autogluon,
    "flaml": flaml,
    "h2o": h2o,
}


def main() -> None:
    """Fit, predict, and write predictions and timings."""
    folder = Path(sys.argv[1])
    settings: WorkerSettings = json.loads((folder / "settings.json").read_text())
    train, test = pd.read_parquet(folder / "train.parquet"), pd.read_parquet(folder / "test.parquet")
    y = train.pop("target")
    test = test.drop(columns="target")
    memory = PeakMemory()
    memory.start()
    start = time.perf_counter()
    model, predict = FIT[settings["system"].split("_")[0]](train, y, test, settings)
    fitted = time.perf_counter()
    predictions = np.asarray(predict(), dtype=float)
    predicted = time.perf_counter()
    memory.over.set()
    classes = [] if settings["task"] == "regression" else [str(label) for label in model.classes_]
    np.savez(folder / "predictions.npz", predictions=predictions, classes=np.array(classes))
    timings = {
        "fit_s": fitted - start,
        "predict_s": predicted - fitted,
        "peak_mib": memory.peak,
        "version": importlib.metadata.version(settings["package"]),
    }
    (folder / "timings.json").write_text(json.dumps(timings))


if __name__ == "__main__":
    main()
