"""Write the best pipeline of a fitted estimator as a script that needs no part of this package."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from sklearn.metrics import get_scorer_names

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.export.code import Script, call_code, docstring, indent, list_code, make_pipeline_code, one_line, quote
from automl.export.columns import Columns, constant, raw_names, read_code, text_names
from automl.export.folds import add_remarks, splitter, with_groups
from automl.export.models import NETWORKS, is_cut, model_code, typical_model
from automl.export.parts import check_decimal
from automl.export.scores import print_scores_code, score_code
from automl.export.steps import category_codes, step_code
from automl.export.tables import CLASS_CODES, PARSER, READ_VALUES, WITH_POINTS, read_table_code
from automl.export.targets import (
    USAGE,
    are_texts,
    class_list,
    target_constants,
    target_functions,
    target_scoring,
    text_targets,
)
from automl.plurals import plural
from automl.task.metrics import default_scoring
from automl.task.quantiles import refuse_quantiles
from automl.task.several_metrics import deciding_scorer
from pipelines.table.reader import TableReader

_HEAD = """{title}

The model was found by a search; this script trains it again with plain libraries.

{usage}
{notes}"""
_USAGE = """    python {name} TABLE.csv TARGET                  # cross-validate, with five folds
    python {name} TABLE.csv TARGET --test NEW.csv   # train on TABLE.csv, score on NEW.csv
    python {name} TABLE.csv TARGET --out model.joblib
"""
_MAIN = '''def main():
    """Train and score the pipeline on the tables that the command line names."""
    parser = make_parser()
    parser.add_argument("target", help="name of the column to predict")
$option    arguments = parser.parse_args()
    table = read_table(arguments.table, [arguments.target$more], arguments)
$take    X, y = read_columns(table.drop(columns=arguments.target)), read_target(table[arguments.target])
    pipeline = make_model().fit(X, y)
    if arguments.out is not None:  # before the scores, which may end the script
        # So that the file also holds the classes and functions of this script.
        joblib.dump(joblib.wrap_non_picklable_objects(pipeline, keep_wrapper=False), arguments.out)
$start        scores = cross_val_score(pipeline, X, y$argument, cv=FOLDS, scoring=score_rows)
        print_scores({f"{SCORING}:": scores})
    if arguments.test is not None:
        test = read_table(arguments.test, [arguments.target], arguments)
$drop        rows, labels = read_columns(test.drop(columns=arguments.target)), read_target(test[arguments.target])
        print_test_scores({f"{SCORING}:": partial(score_rows, pipeline, rows, labels)}, labels)


if __name__ == "__main__":
    main()
'''
_CLASSES = '''def read_target(column):
    """Return the number of the class of each row: its place in CLASSES."""
    return class_codes(column, CLASSES)
'''
_MODEL = '''def make_model():
    """Return the untrained pipeline."""
    return '''
_READ = '''def read_columns(table):
    """Return the columns that the pipeline needs: numbers, and texts of categories."""
'''
_DIFFERENCES = "Differences to the model of the search:\n\n"


@dataclass(frozen=True)
class _TargetCode:
    """The parts of a script that depend on its target or on its several targets.

    Attributes
    ----------
    kind : str
        What the script predicts, for its title.
    usage : str
        How the script is called.
    constants : list of str
        Code of the constants: the names of several targets, classes, the scorer, and the folds.
    functions : list of str
        Code of the functions that read the target and score the pipeline.
    main : str
        Template of the main function.
    labels : str
        Code of the list of targets whose classes are texts, which a file must not turn into numbers; "" for none.
    """

    kind: str
    usage: str
    constants: list[str]
    functions: list[str]
    main: str
    labels: str


def python_script(estimator: FittedModel, name: str = "pipeline.py") -> str:
    """Return a script that trains the pipeline with the largest weight of the ensemble.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator.
    name : str
        Name of the script, for its description.

    Raises
    ------
    InvalidInputError
        If the estimator has monotonic columns.
    """
    refuse_quantiles(estimator._ensemble.quantiles, "the exported script")
    if getattr(estimator, "monotonic", None):
        raise InvalidInputError("the script cannot keep monotonic columns; use the saved model or 'automl package'")
    bag = max(estimator._ensemble.bags, key=lambda bag: bag.weight)
    pipeline, reader, script = bag.typical_model, estimator._reader, Script()
    steps = dict(pipeline.steps)
    if is_cut(steps["model"]) and not _is_network(steps["model"]):  # a network's counterpart chooses its own rounds
        script.remark("the time limit ended the training of the model early; this script trains for as few rounds")
    columns = read_code(reader, script)
    features = [str(name) for name in reader.get_feature_names_out()]  # by position, unlike columns.names
    categories = [features[position] for position in reader.categorical_]
    numbers = [name for name in columns.names if name not in set(categories)]
    given, is_network = steps.get("columns"), _is_network(steps["model"])
    if "combine" in steps:
        parts = [_code_step(columns, categories, numbers, script), step_code(steps["combine"], script, categories)]
        parts += _later_columns_step(given, categories, script, is_network)
    else:
        parts = [_table_step(given, columns, categories, numbers, script, is_network)]
    if categories:
        parts.insert(0, category_codes(reader, categories, script))
    parts += [step_code(steps[step], script, categories) for step in ("generate", "select") if step in steps]
    parts += model_code(steps["model"], script)
    return _assemble(estimator, bag.configuration.family, script, columns, categories, numbers, parts, name)


def _is_network(model: Any) -> bool:
    model = typical_model(model)
    inner = getattr(model, "classifier_", getattr(model, "regressor_", model))
    return type(inner).__name__ in NETWORKS


def _table_step(
    step: Any,
    columns: Columns,
    categories: Sequence[str],
    numbers: Sequence[str],
    script: Script,
    is_network: bool,
) -> str:
    """Return the code of the step that encodes, imputes and scales; its result is an array, categories first."""
    branches = []
    numeric = step
    if type(step).__name__ == "ColumnTransformer":
        named = {name: transformer for name, transformer, _ in step.transformers_}
        branches.append(("categories", _encoder(named["categorical"], script, categories, is_network), "CATEGORIES"))
        numeric = named.get("numeric")
        if "pairs" in named:
            branches.append(("pairs", step_code(named["pairs"], script, categories), "CATEGORIES"))
    elif categories:
        numeric = None
        branches.append(("categories", _encoder(None, script, categories, is_network), "CATEGORIES"))
    plain = quote("passthrough") if numeric is None else step_code(numeric, script, categories)
    if numbers:
        branches.insert(bool(branches), ("numbers", plain, "NUMBERS"))
    return _join_branches(branches, columns, plain, script)


def _code_step(columns: Columns, categories: Sequence[str], numbers: Sequence[str], script: Script) -> str:
    """Return the code of the step whose result is an array of codes of categories, and of numbers."""
    branches = [("numbers", quote("passthrough"), "NUMBERS")] if numbers else []
    if categories:
        branches.insert(0, ("categories", quote("passthrough"), "CATEGORIES"))
    return _join_branches(branches, columns, quote("passthrough"), script)


def _later_columns_step(step: Any, categories: Sequence[str], script: Script, is_network: bool) -> list[str]:
    """Return the code of the step that encodes, imputes and scales an array with codes in its first columns."""
    if not categories:
        return [] if step is None else [step_code(step, script, categories)]
    named = {name: transformer for name, transformer, _ in step.transformers_}
    encoder = _encoder(named["categorical"], script, categories, is_network)
    branch = call_code("", [quote("categories"), encoder, "slice(len(CATEGORIES))"])
    script.use("sklearn.compose", "ColumnTransformer")
    rest = f"remainder={step_code(named['remainder'], script, categories)}"
    return [call_code("ColumnTransformer", [list_code([branch]), rest, "sparse_threshold=0"])]


def _join_branches(branches: list[tuple[str, str, str]], columns: Columns, numeric: str, script: Script) -> str:
    """Return the code of a ColumnTransformer of these branches and of one for each learned text column."""
    for name, n_components in columns.learned_texts.items():
        branches.append((f"text {name}", _text_branch(n_components, numeric, script), quote(name)))
    script.use("sklearn.compose", "ColumnTransformer")
    listed = [call_code("", [quote(name), code, names]) for name, code, names in branches]
    return call_code("ColumnTransformer", [list_code(listed), "sparse_threshold=0"])


def _encoder(encoder: Any, script: Script, categories: Sequence[str], is_network: bool) -> str:
    if is_network or encoder is None:  # networks of the search embed categories by themselves
        return script.call("sklearn.preprocessing", "OneHotEncoder", handle_unknown="ignore", max_categories=100)
    return step_code(encoder, script, categories)


def _text_branch(n_components: int, numeric: str, script: Script) -> str:
    options = {"analyzer": "char_wb", "ngram_range": (2, 4), "min_df": 3, "max_features": 4096}
    vectorizer = script.call("sklearn.feature_extraction.text", "TfidfVectorizer", **options)
    components = script.call("sklearn.decomposition", "TruncatedSVD", str(n_components), random_state=0)
    return make_pipeline_code(script, [vectorizer, components, *([] if "passthrough" in numeric else [numeric])])


def _assemble(
    estimator: FittedModel,
    family: str,
    script: Script,
    columns: Columns,
    categories: Sequence[str],
    numbers: Sequence[str],
    parts: list[str],
    name: str,
) -> str:
    script.imports |= {"import argparse", "import joblib", "import pandas as pd", "import re"}
    script.use("functools", "partial")
    script.use("sklearn.pipeline", "make_pipeline")
    target = _target_code(estimator, script)
    add_remarks(estimator, script)
    n_columns = sum(column.reader is not None for column in estimator._reader.columns_)
    title = f"Train {family} ({target.kind}) on a table of {plural(n_columns, 'column')}."
    model = _MODEL + _below(call_code("make_pipeline", parts)) + "\n"
    read = _reading(estimator._reader, columns, {"CATEGORIES": categories, "NUMBERS": numbers})
    constants = [constant("COLUMNS", raw_names(estimator._reader))] if not estimator._reader.named_ else []
    constants.append(constant("TEXTS", text_names(estimator._reader)))
    constants += [
        constant(key, list(names)) for key, names in (("CATEGORIES", categories), ("NUMBERS", numbers)) if names
    ]
    constants += [*target.constants, *(code for key, code in script.definitions.items() if key.isupper())]
    functions = [code for key, code in script.definitions.items() if not key.isupper()]
    notes = "".join(f"- {one_line(remark)}.\n" for remark in script.remarks)
    usage = target.usage.format(name=one_line(name))
    head = docstring(_HEAD.format(title=one_line(title), usage=usage, notes=_DIFFERENCES + notes if notes else ""))
    blocks = [
        head + "\n" + _imports(script),
        "".join(constants).rstrip() + "\n",
        *functions,
        read,
        PARSER,
        WITH_POINTS,
        read_table_code(target.labels),
        *target.functions,
        model,
        with_groups(target.main, estimator),
    ]
    code = "\n\n".join(block.strip("\n") + "\n" for block in blocks)
    ast.parse(code)
    return code


def _target_code(estimator: FittedModel, script: Script) -> _TargetCode:
    """Return the parts of the script that depend on the target or on several targets."""
    if getattr(estimator, "classes_", None) is None:
        script.copy(check_decimal)
    layout = estimator._ensemble.targets
    if layout is None:
        return _one_target_code(estimator, script)
    scoring = target_scoring(estimator, layout, script)
    constants = target_constants(estimator, layout, scoring, script)
    *functions, main = target_functions(scoring, layout, script)
    names = text_targets(estimator, layout)
    labels = list_code([quote(name) for name in names]) if names else ""
    return _TargetCode(plural(layout.n_targets, "target"), USAGE, constants, functions, main, labels)


def _one_target_code(estimator: FittedModel, script: Script) -> _TargetCode:
    classes = getattr(estimator, "classes_", None)
    n_classes = 0 if classes is None else len(classes)
    kind = "regression" if n_classes == 0 else "binary" if n_classes == 2 else "multiclass"
    scoring = _scoring(estimator, kind, script)
    constants = _target_constants(estimator, scoring, script)
    read = [READ_VALUES] if classes is None else [CLASS_CODES, _CLASSES]
    functions = [*read, *score_code(scoring, n_classes, script), *print_scores_code("[CLASSES]" if n_classes else "")]
    script.imports.add("import numpy as np")
    script.use("sklearn.model_selection", "cross_val_score")
    labels = "" if classes is None or not are_texts(classes) else "targets[:1]"
    return _TargetCode(kind, _USAGE, constants, functions, _MAIN, labels)


def _scoring(estimator: FittedModel, kind: str, script: Script) -> str:
    """Return the name of the scorer of one target."""
    scorer = deciding_scorer(estimator.scoring)
    scoring: str = default_scoring(kind) if callable(scorer) else estimator._metric.name
    if callable(scorer):
        script.remark(f"the search maximized a scorer of its own; this script prints {scoring}")
    elif scoring not in get_scorer_names():  # such as the scores of ordered classes
        scoring = default_scoring(kind)
        script.remark(f"scikit-learn has no score {estimator._metric.name}; this script prints {scoring}")
    return scoring


def _target_constants(estimator: FittedModel, scoring: str, script: Script) -> list[str]:
    """Return the code of the constants of one target: its classes, the scorer, and the folds."""
    found, classes = [], getattr(estimator, "classes_", None)
    if classes is not None:
        found.append(f"CLASSES = {class_list(classes, estimator._metric.positive, script)}\n")
    return [*found, f"SCORING = {quote(scoring)}\n", f"FOLDS = {splitter(estimator, classes is not None, script)}\n"]


def _below(code: str) -> str:
    """Return code whose further lines are indented by four blanks."""
    first, _, rest = code.partition("\n")
    return f"{first}\n{indent(rest)}" if rest else first


def _reading(reader: TableReader, columns: Columns, constants: Mapping[str, Sequence[str]]) -> str:
    lines = []
    if not reader.named_:
        lines.append("    table = table.set_axis(COLUMNS, axis=1)")
    lines.append("    features = {}")
    for code, names in columns.groups.items():
        constant_name = next((key for key, known in constants.items() if known == names), None)
        listed = constant_name or list_code([quote(name) for name in names])
        lines += [f"    for name in {_below(listed)}:", f"        features[name] = {code}"]
    lines += [f"    {line}" for line in columns.lines]
    lines.append("    return pd.DataFrame(features, index=table.index)")
    return _READ + "\n".join(lines) + "\n"


def _imports(script: Script) -> str:
    """Return the import statements: the standard library first, then the others, sorted."""
    names: dict[str, set[str]] = {}
    lines = {statement for statement in script.imports if statement.startswith("import ")}
    for statement in script.imports - lines:
        _, module, _, imported = statement.split(" ", 3)
        names.setdefault(module, set()).update(imported.split(", "))
    ordered = sorted(lines) + sorted(f"from {key} import {', '.join(sorted(own))}" for key, own in names.items())
    is_standard = [line.split(" ")[1].split(".")[0] in sys.stdlib_module_names for line in ordered]
    standard = list(compress(ordered, is_standard))
    others = [line for line in ordered if line not in standard]
    future = ["from __future__ import annotations", ""]
    return "\n".join([*future, *standard, "", *others]) + "\n"
