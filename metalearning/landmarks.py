"""Landmarking meta-features: the scores of cheap models, cross-validated on a sample of the rows.

The procedure is OpenML's (``GenericLandmarker`` of openml/EvaluationEngine): two folds whose predictions are pooled;
the area under the ROC curve of each class against the rest, weighted by the sizes of the classes; error rate; Cohen's
kappa. The models are not Weka's but cheaper versions of them (see `metalearning.landmark_models`): all trees of a fold
are cuts of one CART tree of scikit-learn, grown by entropy. Its splits are binary, where a split of Weka's trees has a
branch for each category.

OpenML computed ``J48.*``, ``REPTreeDepth*``, ``RandomTreeDepth*`` and ``CfsSubsetEval_*`` of most data sets without
the options that these names mention: the values of all depths and all confidences agree to the last digit, and so do
the values of the three models after ``CfsSubsetEval_``. Here each value is computed with the options of its name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from metalearning import landmark_models
from metalearning.cfs import select_subset
from metalearning.landmark_models import Encoded, encode
from metalearning.table_sample import ROWS_OF_CLASS, Array, Codes, TableSample
from pipelines.row_samples import with_each_class

MOST_ROWS = 3_000
MOST_COLUMNS = 60
MOST_INDICATORS = 120  # for all category columns together
MOST_LEVELS = 20  # for one category column
MOST_CLASSES = 50
MOST_WORK = 4_000_000  # rows x columns x classes; the seconds of a tree grow with this product
FEWEST_ROWS = 6
DEEPEST = 25

DEPTHS = (1, 2, 3)
CONFIDENCES = {"J48.001.": 1e-3, "J48.0001.": 1e-4, "J48.00001.": 1e-5}
MEASURES = ("AUC", "ErrRate", "Kappa")
_PLAIN = ("kNN1N", "NaiveBayes", "DecisionStump")
CLASSIFIERS = (
    *_PLAIN,
    *(f"CfsSubsetEval_{name}" for name in _PLAIN),
    *CONFIDENCES,
    *(f"{tree}Depth{depth}" for tree in ("REPTree", "RandomTree") for depth in DEPTHS),
    "Ridge",  # not OpenML's
)
CLASSIFICATION = tuple(f"{name}{measure}" for name in CLASSIFIERS for measure in MEASURES)
# OpenML has no landmarks for regression. Ours are the root mean squared error divided by that of the mean, which is
# Weka's root relative squared error.
REGRESSION = ("kNN1NRRSE", "RidgeRRSE", *(f"REPTreeDepth{depth}RRSE" for depth in DEPTHS), "TreeRRSE")


def landmarks(sample: TableSample, rng: np.random.Generator) -> dict[str, float]:
    """Return the cross-validated scores of cheap models; empty if there are too few rows or columns.

    At most `MOST_ROWS` rows, `MOST_COLUMNS` columns and the `MOST_CLASSES` largest classes are used, and fewer rows if
    many columns and classes would make trees slow. Rows are drawn by class (for a regression, evenly from the sorted
    target), columns at random.
    """
    columns = np.sort(rng.permutation(sample.X.shape[1])[:MOST_COLUMNS])
    categorical = sample.categorical[columns]
    n_symbolic = int(categorical.sum())
    most_levels = max(2, min(MOST_LEVELS, MOST_INDICATORS // max(1, n_symbolic)))
    rows, n_classes = np.arange(len(sample.y)), 1
    if sample.traits.is_classification:
        sizes = np.bincount(sample.y)
        largest = np.argsort(-sizes, kind="stable")[: min(MOST_CLASSES, np.count_nonzero(sizes))]
        rows, n_classes = np.flatnonzero(np.isin(sample.y, largest)), len(largest)
        if n_classes < 2:
            return {}
    if len(rows) < max(FEWEST_ROWS, 4 * n_classes):
        return {}
    work = n_classes * (len(columns) - n_symbolic + most_levels * n_symbolic)
    most = min(MOST_ROWS, max(1000, MOST_WORK // work))
    is_part = len(sample.y) < len(sample.target)  # smaller tables keep the values that meta-databases hold of them
    least = ROWS_OF_CLASS if is_part and sample.traits.is_classification else 0
    rows = rows[_spread_over(sample.y[rows], most, least, rng)]
    # The rows are in the order of the target; every second one is in a fold, so both folds have equal class shares.
    fold = np.arange(len(rows)) % 2
    table, y = encode(sample.X[np.ix_(rows, columns)], categorical, most_levels), sample.y[rows]
    if not table.numeric.shape[1] + table.n_categories:
        return {}
    judge = _classify if sample.traits.is_classification else _regress
    return judge(table, y, fold, int(rng.integers(2**31)))


def _spread_over(y: NDArray[Any], most: int, least: int, rng: np.random.Generator) -> Codes:
    """Return up to `most` rows in ascending order of the target, evenly spread; equal targets in random order.

    Parameters
    ----------
    least : int
        Least number of rows of each class, if it has as many; 0 for their share.
    """
    order = np.lexsort((rng.random(len(y)), y))
    if len(y) <= most:
        return order
    chosen = order[np.linspace(0, len(y) - 1, most).astype(np.intp)]
    if least:
        chosen = with_each_class(chosen, order, y, rng, least)
    return chosen[np.argsort(y[chosen], kind="stable")]


def _classify(table: Encoded, y: NDArray[Any], fold: Codes, seed: int) -> dict[str, float]:
    classes, y = np.unique(y, return_inverse=True)
    targets = np.eye(len(classes))[y]
    pooled = {name: np.zeros(targets.shape) for name in CLASSIFIERS}
    for test in (0, 1):
        train, held = table.rows(fold != test), table.rows(fold == test)
        for name, scores in _class_scores(train, targets[fold != test], held, seed + test).items():
            pooled[name][fold == test] = scores
    return {
        f"{name}{measure}": value
        for name, scores in pooled.items()
        for measure, value in zip(MEASURES, measures(scores, y), strict=True)
    }


def _class_scores(train: Encoded, targets: Array, held: Encoded, seed: int) -> dict[str, Array]:
    """Return the scores of each classifier, shape (n_held, n_classes)."""
    scores = _tree_scores(train, targets, held, seed)
    chosen = select_subset(train, targets)
    few_train, few_held = train.columns(chosen), held.columns(chosen)
    stump = DecisionTreeClassifier(criterion="entropy", max_depth=1, random_state=seed)
    stump.fit(few_train.together(), targets.argmax(axis=1))
    cut = {"CfsSubsetEval_DecisionStump": landmark_models.truncated(stump, 1)}
    return {
        **scores,
        **landmark_models.tree_scores(stump, cut, few_held, targets.shape[1]),
        "kNN1N": landmark_models.nearest(train, targets, held),
        "NaiveBayes": landmark_models.naive_bayes(train, targets, held),
        "Ridge": landmark_models.linear(train, targets, held),
        "CfsSubsetEval_kNN1N": landmark_models.nearest(few_train, targets, few_held),
        "CfsSubsetEval_NaiveBayes": landmark_models.naive_bayes(few_train, targets, few_held),
    }


def _tree_scores(train: Encoded, targets: Array, held: Encoded, seed: int) -> dict[str, Array]:
    X, y, n_classes = train.together(), targets.argmax(axis=1), targets.shape[1]
    grown = DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2, max_depth=DEEPEST, random_state=seed)
    grown.fit(X, y)
    cuts = {name: landmark_models.pruned(grown, confidence) for name, confidence in CONFIDENCES.items()}
    cuts |= {f"REPTreeDepth{depth}": landmark_models.truncated(grown, depth) for depth in DEPTHS}
    cuts["DecisionStump"] = cuts["REPTreeDepth1"]
    # The number of columns that Weka's RandomTree considers for a split.
    few = int(np.log2(X.shape[1])) + 1
    random = DecisionTreeClassifier(criterion="entropy", max_features=few, max_depth=max(DEPTHS), random_state=seed)
    random.fit(X, y)
    random_cuts = {f"RandomTreeDepth{depth}": landmark_models.truncated(random, depth) for depth in DEPTHS}
    return {
        **landmark_models.tree_scores(grown, cuts, held, n_classes),
        **landmark_models.tree_scores(random, random_cuts, held, n_classes),
    }


def _regress(table: Encoded, y: NDArray[Any], fold: Codes, seed: int) -> dict[str, float]:
    y = np.asarray(y, dtype=np.float64)
    deviation = y.std()
    if not deviation > 1e-13 * np.abs(y).max():
        return {}
    y = (y - y.mean()) / deviation
    pooled = {name: np.zeros(len(y)) for name in REGRESSION}
    baseline = np.zeros(len(y))
    for test in (0, 1):
        train, held, targets = table.rows(fold != test), table.rows(fold == test), y[fold != test]
        baseline[fold == test] = targets.mean()
        tree = DecisionTreeRegressor(min_samples_leaf=5, max_depth=DEEPEST, random_state=seed + test)
        tree.fit(train.together(), targets)
        cuts = {f"REPTreeDepth{depth}RRSE": landmark_models.truncated(tree, depth) for depth in DEPTHS}
        cuts["TreeRRSE"] = landmark_models.truncated(tree, DEEPEST)
        found = landmark_models.tree_scores(tree, cuts, held, 1)
        found["kNN1NRRSE"] = landmark_models.nearest(train, targets[:, None], held)
        found["RidgeRRSE"] = landmark_models.linear(train, targets[:, None], held)
        for name, predicted in found.items():
            pooled[name][fold == test] = predicted[:, 0]
    scale = np.sqrt(np.mean((y - baseline) ** 2))
    return {name: float(np.sqrt(np.mean((y - predicted) ** 2)) / scale) for name, predicted in pooled.items()}


def measures(scores: Array, y: NDArray[Any]) -> tuple[float, float, float]:
    """Return the weighted area under the ROC curve, the error rate and kappa.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_classes)
        A likelier class has a greater score.
    y : ndarray of int of shape (n_rows,)
        Every class occurs.
    """
    n_rows, n_classes = scores.shape
    truth = np.eye(n_classes)[y]
    sizes = truth.sum(axis=0)
    ranks = (rankdata(scores, axis=0) * truth).sum(axis=0)
    area = (ranks - sizes * (sizes + 1) / 2) / (sizes * (n_rows - sizes))
    predicted = scores.argmax(axis=1)
    hit = float(np.mean(predicted == y))
    chance = float(sizes @ np.bincount(predicted, minlength=n_classes)) / n_rows**2
    kappa = (hit - chance) / (1 - chance) if chance < 1 else 0.0
    return float(area @ sizes / n_rows), 1 - hit, kappa
