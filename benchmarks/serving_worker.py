"""Fit one system, or measure its saved model, in the system's own interpreter.

Usage: serving_worker.py FOLDER STEP, where FOLDER holds train.parquet, test.parquet and settings.json. The steps are:

- fit: fit the model, predict with it, and save it
- imports: import pandas and scikit-learn and the libraries that the saved model needs
- fresh: load the saved model and predict 500 rows, from the start of the interpreter
- loaded: load the saved model after the import of its package, and predict 500 rows, a single row and 10,000 rows

Each step writes its figures to STEP.json in the same folder.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import pickle
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()


def main(folder: Path, step: str) -> None:
    """Run one step and write its figures."""
    settings = json.loads((folder / "settings.json").read_text())
    figures = {"fit": _fit, "imports": _import_libraries, "fresh": _fresh, "loaded": _loaded}[step](folder, settings)
    (folder / f"{step}.json").write_text(json.dumps(figures))


def _fit(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    import pandas as pd

    if settings["package"] == "cash-automl":
        from benchmarks import worker
    else:
        sys.path.insert(0, str(Path(__file__).parent))
        worker = importlib.import_module("worker")
    train = pd.read_parquet(folder / "train.parquet")
    X, y, test = train.drop(columns="target"), train["target"], pd.read_parquet(folder / "test.parquet")
    system = settings["system"].split("_")[0]
    started = time.perf_counter()
    model, predict_500 = getattr(worker, system)(X, y, test.head(500), settings)
    fit_seconds = time.perf_counter() - started
    started = time.perf_counter()
    predict_500()
    first = time.perf_counter() - started
    if system == "automl":
        model.save(folder / "model")
    elif system != "autogluon":
        (folder / "model").mkdir(exist_ok=True)
        (folder / "model" / "model.pkl").write_bytes(pickle.dumps(model))
    version = importlib.metadata.version(settings["package"])
    return {"version": version, "fit_s": fit_seconds, "first_500_s": first}


def _predictor(model: Any, settings: dict[str, Any]) -> Callable[[Any], Any]:
    predict: Callable[[Any], Any] = model.predict if settings["task"] == "regression" else model.predict_proba
    return predict


def _place(folder: Path, settings: dict[str, Any]) -> Path:
    return Path(settings["scratch"]) if settings["system"].startswith("autogluon") else folder / "model"


def _load(folder: Path, settings: dict[str, Any]) -> Callable[[Any], Any]:
    """Return the function that predicts with the saved model."""
    place = _place(folder, settings)
    if settings["system"].startswith("autogluon"):
        from autogluon.tabular import TabularPredictor

        return _predictor(TabularPredictor.load(str(place), require_version_match=False), settings)
    if settings["system"].startswith("automl"):
        import automl

        return _predictor(automl.load(place), settings)
    return _predictor(pickle.loads((place / "model.pkl").read_bytes()), settings)


def _import_libraries(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Import what a model of this package cannot do without: pandas, scikit-learn and the members' libraries."""
    needed, lookup = ["pandas", "sklearn.ensemble", "sklearn.pipeline"], 0.0
    if settings["system"].startswith("automl"):
        started = time.perf_counter()
        used = set(_modules_of_saved_model(folder))
        lookup = time.perf_counter() - started
        needed += [name for name in ("lightgbm", "xgboost", "catboost", "torch") if name in used]
    for name in needed:
        importlib.import_module(name)
    return {"fresh_import_s": time.perf_counter() - STARTED - lookup}


def _modules_of_saved_model(folder: Path) -> list[str]:
    import subprocess

    code = f"import sys, automl; automl.load({str(folder / 'model')!r}); print(' '.join(sys.modules))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def _fresh(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    import pandas as pd

    predict = _load(folder, settings)
    predict(pd.read_parquet(folder / "test.parquet").head(500))
    return {"fresh_s": time.perf_counter() - STARTED}


def _loaded(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    import pandas as pd

    test = pd.read_parquet(folder / "test.parquet")
    if settings["system"].startswith("autogluon"):
        importlib.import_module("autogluon.tabular")
    elif settings["system"].startswith("automl"):
        importlib.import_module("automl.persistence")
    started = time.perf_counter()
    predict = _load(folder, settings)
    load_seconds = time.perf_counter() - started
    predict(test.head(500))
    load_first_seconds = time.perf_counter() - started
    single = []
    for number in range(50):
        row = test.iloc[[number % len(test)]]
        started = time.perf_counter()
        predict(row)
        single.append(time.perf_counter() - started)
    many = test.sample(10_000, replace=True, random_state=0)
    started = time.perf_counter()
    predict(many)
    seconds = time.perf_counter() - started
    files = [path for path in _place(folder, settings).rglob("*") if path.is_file()]
    return {
        "one_row_ms": 1_000 * statistics.median(single[5:]),
        "rows_10000_s": seconds,
        "saved_mb": sum(path.stat().st_size for path in files) / 2**20,
        "load_s": load_seconds,
        "load_first_s": load_first_seconds,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
