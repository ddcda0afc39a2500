"""The package works without the libraries of some models: these models leave the space, and a line says so."""

import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

from automl import AutoMLClassifier

ROOT = Path(__file__).parents[1]
LIBRARIES = ["torch", "catboost", "xgboost", "lightgbm", "openml"]
FAMILIES = {
    "torch": ["realmlp", "tabm", "resnet"],
    "catboost": ["catboost"],
    "xgboost": ["xgboost"],
    "lightgbm": ["lightgbm"],
}
# A sitecustomize module is imported at the start of this process and of the workers.
HOOK = """
import os, sys
from importlib.machinery import ModuleSpec

class Broken:
    def create_module(self, spec):
        return None

    def exec_module(self, module):
        raise OSError("libgomp.so.1: cannot open shared object file")

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in os.environ.get("HIDDEN", "").split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if top in os.environ.get("BROKEN", "").split(","):
            return ModuleSpec(name, Broken())

sys.meta_path.insert(0, Blocker())
"""
FIT = """
import json, logging, sys
from automl import AutoMLClassifier, load
from sklearn.datasets import load_iris
logging.basicConfig(stream=sys.stderr, format="LOG %(message)s")
X, y = load_iris(return_X_y=True)
clf = AutoMLClassifier(random_state=0, verbose=0, cv=2, **json.loads(sys.argv[1]))
clf.fit(X, y).save(sys.argv[2])
board = clf.leaderboard_
print(json.dumps({
    "same": bool((load(sys.argv[2]).predict(X) == clf.predict(X)).all()),
    "score": clf.score(X, y),
    "families": sorted(set(board.loc[board["status"] == "ok", "family"])),
}))
"""
COMMANDS = """
import json
from typer.testing import CliRunner
from automl.cli.main import app
space, text, meta, build = [
    CliRunner().invoke(app, words)
    for words in (["space", "--json"], ["space"], ["meta", "info", "--json"], ["meta", "pull", "--task", "1"])
]
print(json.dumps({
    "families": json.loads(space.stdout)["families"],
    "missing": json.loads(space.stdout)["missing_libraries"],
    "text": text.stdout,
    "n_datasets": json.loads(meta.stdout)["n_datasets"],
    "pull": str(build.exception),
}))
"""


def run(code, *arguments, folder, hidden=(), broken=()):
    (folder / "sitecustomize.py").write_text(HOOK)
    environment = {**os.environ, "HIDDEN": ",".join(hidden), "BROKEN": ",".join(broken)}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), str(ROOT)])
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)


def fitted(folder, **arguments):
    hidden, broken = arguments.pop("hidden", ()), arguments.pop("broken", ())
    arguments = {"time_budget": None, "max_trials": 2, "n_jobs": 1, **arguments}
    done = run(FIT, json.dumps(arguments), folder / "model", folder=folder, hidden=hidden, broken=broken)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), [line for line in done.stderr.splitlines() if line.startswith("LOG")]


def check(result, log, libraries):
    assert result["same"]
    assert result["score"] > 0.9
    gone = [family for library in libraries for family in FAMILIES.get(library, ())]
    assert not set(gone) & set(result["families"])
    for library in set(libraries) & FAMILIES.keys():
        (line,) = [line for line in log if f" {library} " in line]
        assert "pip install" in line
        assert all(family in line for family in FAMILIES[library])


@pytest.mark.slow
def test_a_model_is_fitted_saved_and_loaded_without_any_of_the_libraries(tmp_path):
    result, log = fitted(tmp_path, hidden=LIBRARIES, max_trials=1)
    check(result, log, LIBRARIES)


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_model_is_fitted_without_one_library(library, tmp_path):
    result, log = fitted(tmp_path, hidden=[library])
    check(result, log, [library])


@pytest.mark.slow
@pytest.mark.parametrize("library", FAMILIES)
def test_a_library_that_cannot_be_imported_leaves_the_space_of_a_running_search(library, tmp_path):
    include = ["decision_tree", *FAMILIES[library]]
    result, log = fitted(tmp_path, broken=[library], include=include, searcher="random", max_trials=3)
    check(result, log, [library])
    assert result["families"] == ["decision_tree"]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [{"max_trials": 12}, {"time_budget": 20, "max_trials": None, "n_jobs": 2}])
def test_a_search_goes_on_when_all_libraries_cannot_be_imported(arguments, tmp_path):
    result, log = fitted(tmp_path, broken=LIBRARIES, **arguments)
    assert result["same"]
    assert result["score"] > 0.9
    libraries = [line.split()[1] for line in log if "libgomp" in line]
    assert libraries
    assert len(libraries) == len(set(libraries))


@pytest.mark.slow
@pytest.mark.parametrize(("how", "reason"), [("hidden", "is not installed"), ("broken", "libgomp")])
def test_to_include_only_models_of_a_library_that_is_not_there_is_one_clear_error(how, reason, tmp_path):
    arguments = json.dumps({"include": ["lightgbm"], "time_budget": None, "max_trials": 2, "n_jobs": 1})
    done = run(FIT, arguments, tmp_path / "model", folder=tmp_path, **{how: ["lightgbm"]})
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("automl.errors.InvalidInputError")
    assert reason in last
    assert "pip install" in last


@pytest.mark.slow
def test_commands_run_without_the_libraries_and_name_what_is_left_out(tmp_path):
    done = run(COMMANDS, folder=tmp_path, hidden=LIBRARIES)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert not set(answer["families"]) & set(chain(*FAMILIES.values()))
    assert answer["missing"] == FAMILIES
    assert (
        "left out, because torch is not installed: realmlp, tabm, resnet; install it with: pip install torch"
        in (answer["text"])
    )
    assert answer["n_datasets"] > 0
    assert answer["pull"] == "openml is not installed; install it with: pip install openml"


@pytest.mark.slow
@pytest.mark.parametrize(("how", "reason"), [("hidden", "is not installed"), ("broken", "libgomp")])
def test_a_model_whose_library_is_not_there_names_it_when_it_is_loaded(how, reason, tmp_path):
    X, y = load_iris(return_X_y=True)
    fast = {"time_budget": None, "max_trials": 1, "n_jobs": 1, "cv": 2, "verbose": 0, "random_state": 0}
    AutoMLClassifier(include=["lightgbm"], **fast).fit(X, y).save(tmp_path / "model")
    code = "import sys; from automl import load; load(sys.argv[1])"
    done = run(code, tmp_path / "model", folder=tmp_path, **{how: ["lightgbm"]})
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("automl.errors.InvalidInputError")
    assert "needs lightgbm" in last
    assert reason in last
    assert "pip install" in last


@pytest.mark.slow
def test_a_device_needs_torch(tmp_path):
    arguments = json.dumps({"device": "cuda", "time_budget": None, "max_trials": 1})
    done = run(FIT, arguments, tmp_path / "model", folder=tmp_path, hidden=["torch"])
    assert "device='cuda' needs torch: torch is not installed" in done.stderr.strip().splitlines()[-1]


NETWORKS = """
import json, sys
import numpy as np
from automl import AutoMLClassifier, load
from sklearn.datasets import load_iris
X, y = load_iris(return_X_y=True)
clf = AutoMLClassifier(time_budget=None, max_trials=1, include=[sys.argv[3]], n_jobs=1, cv=2, verbose=0, random_state=0)
clf.fit(X, y)
p = clf.predict_proba(X)
clf.save(sys.argv[1], rows=True)
assert (load(sys.argv[1]).predict_proba(X) == p).all()
np.save(sys.argv[2], p)
print("torch" in sys.modules)
"""
PREDICT = """
import sys
import numpy as np
from automl import load
from sklearn.datasets import load_iris
X, y = load_iris(return_X_y=True)
clf = load(sys.argv[1])
np.save(sys.argv[2], clf.predict_proba(X))
clf.best_pipeline_.predict(X)
print("torch" in sys.modules)
for arguments in ((), (X, y)) if len(sys.argv) > 3 else ():
    try:
        clf.refit(*arguments)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES["torch"])
def test_only_the_training_of_networks_needs_torch(family, tmp_path):
    done = run(NETWORKS, tmp_path / "model", tmp_path / "p.npy", family, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    assert manifest["libraries"] == []
    assert "torch" not in manifest["versions"]
    assert "torch" not in (tmp_path / "model" / "requirements.txt").read_text()
    for hidden in ((), ("torch",)):
        done = run(PREDICT, tmp_path / "model", tmp_path / "again.npy", *hidden, folder=tmp_path, hidden=hidden)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[0] == "False"
        np.testing.assert_array_equal(np.load(tmp_path / "again.npy"), np.load(tmp_path / "p.npy"))
    errors = done.stdout.splitlines()[1:]
    assert len(errors) == 2
    for error in errors:
        assert error == (
            f"InvalidInputError: refit trains {family} anew, which needs torch, and torch is not installed; install it "
            "with: pip install torch"
        )
