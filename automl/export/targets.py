"""The parts of a script that trains a pipeline of several targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl.export.code import Script, list_code, quote
from automl.export.columns import constant
from automl.task.metrics import default_scoring
from automl.task.target_metrics import TargetsScorer
from pipelines.component import task_type
from pipelines.targets import TargetLayout

USAGE = """    python {name} TABLE.csv                  # cross-validate, with five folds
    python {name} TABLE.csv --test NEW.csv   # train on TABLE.csv, score on NEW.csv
    python {name} TABLE.csv --out model.joblib
"""
_CLASSES = '''def read_targets(table):
    """Return the number of the class of each row and target: its place in CLASSES."""

    def text(label):
        return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)

    codes = [{text(label): code for code, label in enumerate(labels)} for labels in CLASSES]
    columns = [table[name].map(lambda label, own=own: own[text(label)]) for name, own in zip(TARGETS, codes)]
    return np.column_stack(columns)
'''
_VALUES = '''def read_targets(table):
    """Return the targets as numbers."""
    return table[TARGETS].to_numpy(dtype=float)
'''
_CLASSIFIER = '''class OneTarget(ClassifierMixin, BaseEstimator):
    """One target of a trained pipeline, so that a score of one target can be computed."""

    def __init__(self, pipeline, target):
        self.pipeline = pipeline
        self.target = target
        self.classes_ = np.arange(len(CLASSES[target]))

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return self.pipeline.predict(X)[:, self.target].astype(int)

    def predict_proba(self, X):
        found = self.pipeline.predict_proba(X)
        if isinstance(found, list):
            return found[self.target]
        return np.column_stack([1 - found[:, self.target], found[:, self.target]])  # a chain has one column
'''
_REGRESSOR = '''class OneTarget(RegressorMixin, BaseEstimator):
    """One target of a trained pipeline, so that a score of one target can be computed."""

    def __init__(self, pipeline, target):
        self.pipeline = pipeline
        self.target = target

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return self.pipeline.predict(X)[:, self.target]
'''
_MAIN = '''def read_table(path):
    """Return the table in a CSV or Parquet file."""
    table = pd.read_parquet(path) if path.endswith((".parquet", ".pq")) else pd.read_csv(path)
    missing = [name for name in TARGETS if name not in table]
    if missing:
        raise SystemExit(f"'{path}' has no column '{missing[0]}'; it has: {', '.join(map(str, table.columns[:20]))}")
    return table


def score_targets(pipeline, X, y):
    """Return the score of a trained pipeline for each target."""
    return [get_scorer(SCORING)(OneTarget(pipeline, j), X, y[:, j]) for j in range(len(TARGETS))]


def main():
    """Train and score the pipeline on the tables that the command line names."""
    parser = argparse.ArgumentParser(description="Train the pipeline on a table.")
    parser.add_argument("table", help="CSV or Parquet file with the training rows")
    parser.add_argument("--test", help="file with rows to score on; by default, five folds of the training rows")
    parser.add_argument("--out", help="file for the trained pipeline, which joblib.load reads")
    arguments = parser.parse_args()
    table = read_table(arguments.table)
    X, y = read_columns(table.drop(columns=TARGETS)), read_targets(table)
    if arguments.test is None:
        scores = []
        for train, test in KFold(5).split(X):
            pipeline = make_model().fit(X.iloc[train], y[train])
            scores.append(score_targets(pipeline, X.iloc[test], y[test]))
        for name, each in zip(TARGETS, np.transpose(scores)):
            print(f"{name}: {SCORING} {each.mean():.4f} (standard deviation {each.std():.4f} over five folds)")
    pipeline = make_model().fit(X, y)
    if arguments.test is not None:
        test = read_table(arguments.test)
        rows = read_columns(test.drop(columns=TARGETS))
        for name, score in zip(TARGETS, score_targets(pipeline, rows, read_targets(test))):
            print(f"{name}: {SCORING} {score:.4f} on {len(test)} rows")
    if arguments.out is not None:
        joblib.dump(pipeline, arguments.out)


if __name__ == "__main__":
    main()
'''


def target_constants(estimator: Any, layout: TargetLayout, script: Script) -> list[str]:
    """Return the code of the constants: names of the targets, their classes, and the scorer of each target."""
    found = [constant("TARGETS", list(layout.names))]
    if layout.is_classification:
        every = [list_code([script.value(label) for label in np.asarray(own).tolist()]) for own in estimator.classes_]
        found.append(f"CLASSES = {list_code(every)}\n")
    scorer = estimator._metric.scorer
    if isinstance(scorer, TargetsScorer):
        scoring = scorer.name
    else:
        scoring = default_scoring(task_type(max(layout.n_classes, default=0)))
        script.remark(f"the search maximized a score of all targets at once; this script prints {scoring}")
    return [*found, f"SCORING = {quote(scoring)}\n"]


def target_functions(layout: TargetLayout, script: Script) -> tuple[str, str, str]:
    """Return the code that reads the targets, the class of one target, and the main function."""
    mixin = "ClassifierMixin" if layout.is_classification else "RegressorMixin"
    for module, name in (
        ("sklearn.base", "BaseEstimator"),
        ("sklearn.base", mixin),
        ("sklearn.metrics", "get_scorer"),
        ("sklearn.model_selection", "KFold"),
    ):
        script.use(module, name)
    script.imports |= {"import numpy as np"}
    if layout.is_classification:
        return _CLASSES, _CLASSIFIER, _MAIN
    return _VALUES, _REGRESSOR, _MAIN
