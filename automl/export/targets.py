"""The parts of a script that trains a pipeline of several targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.export.code import Raw, Script, call_code, list_code, quote
from automl.export.columns import constant
from automl.export.folds import splitter
from automl.export.scores import print_scores_code, target_score_code
from automl.export.tables import CLASS_CODES, READ_VALUES
from automl.task.metrics import default_scoring
from automl.task.target_metrics import TargetsScorer
from pipelines.component import task_type
from pipelines.steps.multi_output import N_SPLITS
from pipelines.targets import TargetLayout

USAGE = """    python {name} TABLE.csv                  # cross-validate, with five folds
    python {name} TABLE.csv --test NEW.csv   # train on TABLE.csv, score on NEW.csv
    python {name} TABLE.csv --out model.joblib
"""
_CLASSES = '''def read_targets(table):
    """Return the number of the class of each row and target: its place in CLASSES."""
    return np.column_stack([class_codes(table[name], own) for name, own in zip(TARGETS, CLASSES)])
'''
_VALUES = '''def read_targets(table):
    """Return the targets as numbers."""
    return np.column_stack([read_target(table[name]) for name in TARGETS])
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
        if not isinstance(found, list):  # a chain has one column for each target
            return np.column_stack([1 - found[:, self.target], found[:, self.target]])
        own = found[self.target]
        spread = np.zeros((len(X), len(self.classes_)), dtype=own.dtype)  # the training rows may have lacked a class
        spread[:, np.asarray(self.pipeline.classes_[self.target], dtype=int)] = own
        return spread
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
_ANY_CLASSES = '''class AnyClasses(ClassifierMixin, BaseEstimator):
    """A classifier for training rows that may lack some of the classes, or have one class only."""

    def __init__(self, classifier):
        self.classifier = classifier

    def fit(self, X, y, sample_weight=None):
        found, codes = np.unique(y, return_inverse=True)  # some libraries accept only classes without gaps
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.classifier_ = None if len(found) == 1 else clone(self.classifier).fit(X, codes, **weights)
        # A chain reads the second column of the probabilities, so that there are two columns always.
        self.only_, own = found[0], np.array([0, max(1, found[0])])
        self.classes_ = own if self.classifier_ is None else found
        return self

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        if self.classifier_ is None:
            return np.tile((self.classes_ == self.only_).astype(float), (X.shape[0], 1))
        return self.classifier_.predict_proba(X)
'''
_LABEL_CHAIN = '''class LabelChain(ClassifierChain):
    """A chain that learns from the true labels where a target has one class, which scikit-learn cannot predict."""

    def fit(self, X, Y):
        if (Y == Y[0]).all(axis=0).any():
            self.cv = None
        return super().fit(X, Y)
'''
_CLASS_FOLDS = '''def folds(X, y, groups=None):
    """Return five folds; where classes are shared evenly, it is the rarest class of all targets."""
    counts = [np.unique(column, return_counts=True)[1].min() for column in y.T]
    return FOLDS.split(X, y[:, np.argmin(counts)], groups)
'''
_VALUE_FOLDS = '''def folds(X, y, groups=None):
    """Return five folds."""
    return FOLDS.split(X, groups=groups)
'''
_VALUE_SCORE = '''def score_target(pipeline, j, X, y):
    """Return the score of a trained pipeline for a target."""
    return get_scorer(SCORING)(OneTarget(pipeline, j), X, y)
'''
_MAIN = '''def score_targets(pipeline, X, y):
    """Return the score of a trained pipeline for each target."""
    return [score_target(pipeline, j, X, y[:, j]) for j in range(len(TARGETS))]


def main():
    """Train and score the pipeline on the tables that the command line names."""
    parser = make_parser()
$option    arguments = parser.parse_args()
    table = read_table(arguments.table, [*TARGETS$more], arguments)
$take    X, y = read_columns(table.drop(columns=TARGETS)), read_targets(table)
    pipeline = make_model().fit(X, y)
    if arguments.out is not None:  # before the scores, which may end the script
        # So that the file also holds the classes and functions of this script.
        joblib.dump(joblib.wrap_non_picklable_objects(pipeline, keep_wrapper=False), arguments.out)
$start        scores = []
        for train, test in folds(X, y$argument):
            of_fold = make_model().fit(X.iloc[train], y[train])
            scores.append(score_targets(of_fold, X.iloc[test], y[test]))
        print_scores({f"{name}: {SCORING}": each for name, each in zip(TARGETS, np.transpose(scores))})
    if arguments.test is not None:
        test = read_table(arguments.test, TARGETS, arguments)
$drop        rows, values = read_columns(test.drop(columns=TARGETS)), read_targets(test)
        own = [partial(score_target, pipeline, j, rows, values[:, j]) for j in range(len(TARGETS))]
        print_test_scores({f"{name}: {SCORING}": each for name, each in zip(TARGETS, own)}, values)


if __name__ == "__main__":
    main()
'''


def target_scoring(estimator: FittedModel, layout: TargetLayout, script: Script) -> str:
    """Return the name of the scorer of each target."""
    if isinstance(estimator._metric.scorer, TargetsScorer):
        return str(estimator._metric.scorer.name)
    scoring = default_scoring(task_type(max(layout.n_classes, default=0)))
    script.remark(f"the search maximized a score of all targets at once; this script prints {scoring}")
    return scoring


def target_constants(estimator: FittedModel, layout: TargetLayout, scoring: str, script: Script) -> list[str]:
    """Return the code of the constants: names of the targets, their classes, the scorer, and the folds."""
    found = [constant("TARGETS", list(layout.names))]
    if layout.is_classification:
        scorer = estimator._metric.scorer
        is_mean = isinstance(scorer, TargetsScorer)
        positives = [metric.positive for metric in scorer.each] if is_mean else layout.n_targets * [1]
        every = [class_list(own, code, script) for own, code in zip(estimator.classes_, positives, strict=True)]
        found.append(f"CLASSES = {list_code(every)}\n")
    folds = splitter(estimator, layout.is_classification, script)
    return [*found, f"SCORING = {quote(scoring)}\n", f"FOLDS = {folds}\n"]


def text_targets(estimator: Any, layout: TargetLayout) -> list[str]:
    """Return the names of the targets whose classes are texts."""
    if not layout.is_classification:
        return []
    return [name for name, own in zip(layout.names, estimator.classes_, strict=True) if are_texts(own)]


def are_texts(classes: Any) -> bool:
    """Return whether all classes are texts, which a file must not turn into numbers: 01 is another class than 1."""
    return all(isinstance(label, str) for label in classes)


def class_list(classes: Any, positive: int, script: Script) -> str:
    """Return the code of the classes of a target; of two classes the positive one is the last.

    The script trains and scores on numbers of classes, of which scikit-learn takes 1 for the positive class.

    Raises
    ------
    InvalidInputError
        If a class is neither a text, a number nor a truth value, such as a date: files write it in many ways.
    """
    for label in np.asarray(classes):
        if isinstance(label, np.timedelta64) or not isinstance(label, str | int | float | np.number | np.bool_):
            raise InvalidInputError(
                f"the script cannot have classes such as {label!r}; fit on classes that are texts, with "
                "y.astype(str), or use the saved model or 'automl package'"
            )
    labels = np.asarray(classes).tolist()
    if len(labels) == 2 and positive == 0:
        labels.reverse()
    return list_code([script.value(label) for label in labels])


def target_functions(scoring: str, layout: TargetLayout, script: Script) -> list[str]:
    """Return the code that reads the targets, makes folds, and scores a target; the last one is the main function."""
    is_classification = layout.is_classification
    for name in ("BaseEstimator", "ClassifierMixin" if is_classification else "RegressorMixin"):
        script.use("sklearn.base", name)
    script.imports |= {"import numpy as np"}
    printing = print_scores_code("CLASSES" if is_classification else "")
    if is_classification:
        score = target_score_code(scoring, layout.n_classes, script)
        return [CLASS_CODES, _CLASSES, _CLASSIFIER, _CLASS_FOLDS, *score, *printing, _MAIN]
    script.use("sklearn.metrics", "get_scorer")
    return [READ_VALUES, _VALUES, _REGRESSOR, _VALUE_FOLDS, _VALUE_SCORE, *printing, _MAIN]


def any_classes(classifier: str, script: Script) -> str:
    """Return the code of a classifier that can also be trained on rows which lack classes, or have one class only."""
    if classifier.startswith("AnyClasses("):
        return classifier
    for name in ("BaseEstimator", "ClassifierMixin", "clone"):
        script.use("sklearn.base", name)
    script.imports.add("import numpy as np")
    script.define("AnyClasses", _ANY_CLASSES)
    return call_code("AnyClasses", [classifier])


def class_chain(classifier: str, order: list[int], out_of_fold: bool, script: Script) -> str:
    """Return the code of a chain of classifiers of two classes each."""
    parent = script.use("sklearn.multioutput", "ClassifierChain")
    if not out_of_fold:
        return call_code(parent, [classifier, f"order={order}"])
    script.define("LabelChain", _LABEL_CHAIN)
    inside = [f"cv={script.value(chain_folds(script))}", 'chain_method="predict_proba"']
    return call_code("LabelChain", [classifier, f"order={order}", *inside])


def chain_folds(script: Script) -> Raw:
    """Return the code of the inner folds of a chain, whose rows are shuffled, unlike those of a number of folds."""
    return Raw(script.call("sklearn.model_selection", "KFold", str(N_SPLITS), shuffle=True, random_state=0))
