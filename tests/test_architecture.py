"""The architecture, checked on the source: imports go one way, importing is light, files stay small."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from pipelines.catalog import STEPS

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ["pipelines", "meta_db", "metalearning", "automl"]  # each may import itself and the packages before it
# The folders and top files of each package, in the order of their imports: each entry may import itself and the entries
# before it, also inside functions and for type checkers. CONTRIBUTING.md prints the same lists.
ORDER = {
    "pipelines": [
        "storage",
        "targets",
        "quantiles",
        "training_part",
        "component",
        "libraries",
        "configuration",
        "early_stopping",
        "losses",
        "labels",
        "ordered_codes",
        "cumulative_link",
        "row_samples",
        "weights",
        "confident_learning",
        "monotonic",
        "table",
        "nets",
        "models",
        "steps",
        "prediction",
        "catalog",
        "value_limits",
        "overrides",
        "build",
        "rich_tables",
        "compatibility",
        "space",
        "__init__",
    ],
    "meta_db": ["files", "prediction_codec", "records", "schema", "store", "exchange", "__init__"],
    "metalearning": [
        "table_sample",
        "landmark_models",
        "cfs",
        "landmarks",
        "characteristics",
        "names",
        "metafeatures",
        "features",
        "similarity",
        "same_data",
        "portfolio",
        "posterior",
        "correction",
        "warmstart",
        "__init__",
    ],
    "automl": [
        "errors",
        "limits",
        "plurals",
        "markdown",
        "paired_test",
        "interruption",
        "table_files",
        "task",
        "trials",
        "execute",
        "search",
        "ensemble",
        "expected_score",
        "checks",
        "guard",
        "refit",
        "drift",
        "persistence",
        "progress",
        "run",
        "energy",
        "arguments",
        "advice",
        "space_table",
        "explain",
        "fitted",
        "fitting",
        "continuation",
        "retune",
        "notebook",
        "report",
        "base",
        "estimator",
        "loading",
        "plots",
        "usual_metrics",
        "meta",
        "comparison",
        "jobs",
        "export",
        "integrations",
        "serving",
        "watch",
        "components",
        "searchers",
        "testing",
        "__init__",
        "cli",
        "__main__",
    ],
}
HEAVY = ["torch", "catboost", "xgboost", "lightgbm", "optuna", "openml", "matplotlib", "ray"]
MAX_LINES = 500
# Import names that differ from the names of the distributions.
DISTRIBUTIONS = {
    "mlflow": "mlflow-skinny",
    "prometheus_client": "prometheus-client",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def sources():
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in sources()}


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(statement, path):
    """Absolute names of the modules that an import statement may bind; empty for other nodes."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if not isinstance(statement, ast.ImportFrom):
        return []
    base = statement.module or ""
    if statement.level:
        package = list(path.relative_to(ROOT).parent.parts)
        package = package[: len(package) - statement.level + 1]
        base = ".".join([*package, base] if base else package)
    names = [f"{base}.{alias.name}" for alias in statement.names]
    # ``from package import module`` binds the module; the package itself is named only if something else is taken.
    return names if MODULES.keys() >= set(names) else [base, *names]


def runtime_nodes(node):
    """All nodes below, but not what is only for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from runtime_nodes(child)


def place(module):
    """The position of a module in the order of imports, and None for everything outside the packages."""
    package, *rest = module.split(".")
    if package not in PACKAGES:
        return None
    order = ORDER[package]
    entry = rest[0] if rest and rest[0] in order else "__init__"
    return PACKAGES.index(package), order.index(entry)


def wrong_way(path, source):
    """Imports in a source, as if it were the file at this path, that go to a later entry of the order."""
    here = place(module_name(path))
    names = {name for node in ast.walk(source) for name in imported(node, path)}
    later = {name for name in names if (there := place(name)) is not None and there > here}
    return sorted(later | {name for name in names if name.split(".")[0] in ("benchmarks", "tests", "examples")})


# The package's own __init__ names the public objects of all folders, for type checkers and on first use.
@pytest.mark.parametrize("module", [module for module in MODULES if module != "automl"])
def test_imports_go_to_earlier_entries_of_the_order(module):
    assert wrong_way(MODULES[module], tree(MODULES[module])) == []


@pytest.mark.parametrize(
    ("place_of_file", "line"),
    [
        ("pipelines/models/new.py", "import automl.run"),
        ("pipelines/models/new.py", "from automl import load"),
        ("pipelines/models/new.py", "from metalearning.x import y"),
        ("pipelines/models/new.py", "def f():\n import meta_db"),
        ("pipelines/models/new.py", "from pipelines.space import build_space"),
        ("automl/task/new.py", "from automl.trials.trial import Trial"),
        ("automl/task/new.py", "def f():\n from automl.search import racing"),
        ("automl/search/new.py", "if TYPE_CHECKING:\n from automl.run.run import RunResult"),
        ("automl/execute/new.py", "from automl import estimator"),
        ("automl/execute/new.py", "from automl import AutoMLClassifier"),
        ("automl/run/run.py", "from automl.cli.main import main"),
        ("automl/jobs/new.py", "import tests.factories"),
    ],
)
def test_the_check_of_the_order_finds_every_kind_of_import(place_of_file, line):
    assert wrong_way(ROOT / place_of_file, ast.parse(line)) != []


@pytest.mark.parametrize(
    ("place_of_file", "line"),
    [
        ("automl/search/new.py", "from automl.search import racing\nfrom automl.trials.trial import Trial"),
        ("automl/cli/new.py", "import automl.run\nfrom metalearning.x import y\nimport numpy"),
    ],
)
def test_the_check_of_the_order_allows_imports_of_earlier_entries(place_of_file, line):
    assert wrong_way(ROOT / place_of_file, ast.parse(line)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_order_lists_every_folder_and_file_of_a_package(package):
    folder = ROOT / package
    entries = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert sorted(ORDER[package]) == sorted(entries | {"__init__"})


def import_graph():
    graph = {}
    for module, path in MODULES.items():
        names = {name for node in runtime_nodes(tree(path)) for name in imported(node, path)}
        graph[module] = {name for name in names if name in MODULES and name != module}
    return graph


def cycle(graph):
    """Modules of one cycle in order, or an empty list."""
    done, path = set(), []

    def visit(module):
        if module in path:
            return path[path.index(module) :]
        if module in done:
            return []
        path.append(module)
        for other in sorted(graph[module]):
            if found := visit(other):
                return found
        done.add(path.pop())
        return []

    return next((found for module in graph if (found := visit(module))), [])


def test_no_modules_import_each_other_in_a_cycle():
    graph = import_graph()
    assert sum(map(len, graph.values())) > len(graph)  # the graph was read at all
    assert cycle(graph) == []


def test_the_check_of_cycles_finds_one():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c"]


def python(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "statement",
    [
        "import automl",
        "import automl.cli.main",
        "import automl.components, automl.searchers",
        "from automl import AutoMLClassifier",
    ],
)
def test_importing_leaves_heavy_libraries_alone(statement):
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(set({HEAVY!r}) & set(sys.modules))))"
    assert python(code) == []


@pytest.mark.alone
def test_importing_is_cheap_beside_scikit_learn_and_pandas():
    code = """
import json, subprocess, sys, time
libraries = "import sklearn.pipeline, pandas"
statements = ["pass", libraries, "import automl", "import automl.cli.main", "import automl.estimator"]
seconds = {statement: [] for statement in statements}
for _ in range(2):
    for statement in statements:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        seconds[statement].append(time.perf_counter() - start)
empty, theirs, *ours = [min(taken) for taken in seconds.values()]
print(json.dumps([(mine - empty) / (theirs - empty) for mine in ours]))
"""
    package, command, estimators = python(code)
    assert package < 0.2
    assert command < 0.4
    assert estimators < 2.5


def test_every_library_that_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower() for line in listed}
    missing = set()
    for path in MODULES.values():
        for node in ast.walk(tree(path)):
            for name in imported(node, path):
                top = name.split(".")[0]
                if top not in sys.stdlib_module_names and top not in PACKAGES:
                    missing |= {DISTRIBUTIONS.get(top, top).lower()} - declared
    assert missing == set()


@pytest.mark.parametrize("module", MODULES)
def test_files_stay_small(module):
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("module", MODULES)
def test_libraries_do_not_print(module):
    calls = [node for node in ast.walk(tree(MODULES[module])) if isinstance(node, ast.Call)]
    assert [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"] == []


def lists_of_steps(source):
    """Lines of collections that name three or more steps of the pipeline; a configuration, with a model, may do so."""
    found = []
    for node in ast.walk(source):
        entries = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
        names = {entry.value for entry in entries if isinstance(entry, ast.Constant)} & STEPS.keys()
        if len(names) >= 3 and not (isinstance(node, ast.Dict) and "model" in names):
            found.append(node.lineno)
    return found


# A new step would be forgotten in a second list: what differs between steps is a field of their records.
@pytest.mark.parametrize("module", [module for module in MODULES if module != "pipelines.catalog"])
def test_only_the_catalog_lists_the_steps(module):
    assert lists_of_steps(tree(MODULES[module])) == []


@pytest.mark.parametrize(
    "line",
    [
        "_WRAPPERS = ('balancing', 'cleaning', 'calibration')",
        "if step in ['imputation', 'encoding', 'scaling', 'other']: pass",
        "titles = {'loss': 'Loss', 'target': 'Target', 'ordering': 'Ordering'}",
        "Step = Literal['imputation', 'encoding', 'scaling']",
    ],
)
def test_the_check_of_steps_finds_every_kind_of_list(line):
    assert lists_of_steps(ast.parse(line)) == [1]


@pytest.mark.parametrize(
    "line",
    [
        "start = {'model': 'ridge', 'encoding': 'one_hot', 'imputation': 'median', 'scaling': 'standard'}",
        "if (step, source) == ('model', 'loss'): pass",
    ],
)
def test_the_check_of_steps_allows_configurations_and_relations(line):
    assert lists_of_steps(ast.parse(line)) == []


def project_texts():
    suffixes = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".cfg", ""}
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout.decode()
    paths = [ROOT / name for name in listed.split("\0") if name] or sources()
    return [p for p in paths if p.suffix in suffixes and p.is_file() and p != Path(__file__).resolve()]


def test_no_file_names_a_path_of_a_machine():
    place = re.compile(r"(?<![\w.~-])/(?:home|root|Users|work|mnt|opt|scratch)/[\w.-]+")
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in project_texts()
        for match in place.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []
