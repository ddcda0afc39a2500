"""Code of the scores of a script, which have a value also where rows lack a class, as those of the search have."""

from __future__ import annotations

from collections.abc import Sequence
from string import Template

from automl.export.code import Script

# Scores of scikit-learn that are means over rows, and their functions, which take the classes as `labels`.
_ROW_MEANS = {
    "neg_log_loss": "-log_loss",
    "neg_brier_score": "-brier_score_loss",
    "d2_log_loss_score": "d2_log_loss_score",
    "d2_brier_score": "d2_brier_score",
    "top_k_accuracy": "top_k_accuracy_score",
}
_ROW_MEAN = '''def score_probabilities(y, probabilities):
    """Return the score of the probabilities of all classes, some of which the rows may lack."""
    return {function}(y, probabilities, labels=np.arange(probabilities.shape[1]))
'''
_AREA_OF_CLASSES = '''def score_probabilities(y, probabilities):
    """Return the mean area under the ROC curve over the classes that the rows have."""
    classes, sizes = np.unique(y, return_counts=True)
    if len(classes) < 2:
        return np.nan
    areas = [roc_auc_score(y == code, probabilities[:, code]) for code in classes]
    return np.average(areas, weights={weights})
'''
_AREA_OF_PAIRS = '''def score_probabilities(y, probabilities):
    """Return the mean area under the ROC curve over the pairs of classes that the rows have."""
    areas, sizes = [], []
    for pair in combinations(np.unique(y), 2):
        rows = np.isin(y, pair)
        areas.append(np.mean([roc_auc_score(y[rows] == code, probabilities[rows, code]) for code in pair]))
        sizes.append(rows.sum())
    return np.average(areas, weights={weights}) if areas else np.nan
'''
_SCORE = '''def score_rows(pipeline, X, y):
    """Return the score of a trained pipeline."""
    return get_scorer(SCORING)(pipeline, X, y)
'''
_SCORE_OF_ALL = '''def score_rows(pipeline, X, y):
    """Return the score of a trained pipeline, whose training rows may have lacked a class."""
    found = pipeline.predict_proba(X)
    probabilities = np.zeros((len(X), len(CLASSES)), dtype=found.dtype)
    probabilities[:, np.asarray(pipeline.classes_, dtype=int)] = found
    return score_probabilities(y, probabilities)
'''
_TARGET_SCORE = '''def score_target(pipeline, j, X, y):
    """Return the score of a trained pipeline for a target, or NaN where rows without one of its classes have none."""
    try:
        return get_scorer(SCORING)(OneTarget(pipeline, j), X, y)
    except ValueError:
        if np.isin(np.arange(len(CLASSES[j])), y).all():
            raise
        return np.nan
'''
_TARGET_SCORE_OF_ALL = '''def score_target(pipeline, j, X, y):
    """Return the score of a trained pipeline for a target."""
    return score_probabilities(y, OneTarget(pipeline, j).predict_proba(X))
'''
_PRINT_SCORES = '''def print_scores(scores):
    """Print the scores of the folds that have one; end the script with an error where no fold has one."""
    missing = []
    for label, each in scores.items():
        known = each[np.isfinite(each)]
        if len(known) == 0:
            missing.append(f"{label} no value in any fold; $reason")
            continue
        among = f"{len(known)} of {len(each)} folds"
        print(f"{label} {known.mean():.4f} (standard deviation {known.std():.4f} over {among})")
    if missing:
        raise SystemExit("\\n".join(missing))
'''
_PRINT_TEST_SCORES = '''def print_test_scores(scores, y):
    """Compute and print the scores of the test rows; end the script with an error where one has no value."""
    missing = []
    for label, compute in scores.items():
        try:
            score, reason = compute(), "$reason"
        except ValueError as error:  # most scores that are not defined for some rows are an error, not NaN
            score, reason = np.nan, " ".join(str(error).split())
        if np.isfinite(score):
            print(f"{label} {score:.4f} on {len(y)} rows")
        else:
            missing.append(f"{label} no value on {len(y)} rows; {reason}")
    if missing:
        raise SystemExit("\\n".join(missing))
'''
_PRINT_TEST_SCORES_OF_CLASSES = '''def print_test_scores(scores, y):
    """Compute and print the scores of the test rows; end the script with an error where one has no value."""
    missing = []
    for (label, compute), classes, codes in zip(scores.items(), $classes, y.reshape(len(y), -1).T):
        try:
            score, reasons = compute(), []
        except ValueError as error:  # most scores that are not defined for some rows are an error, not NaN
            score, reasons = np.nan, [" ".join(str(error).split())]
        if np.isfinite(score):
            print(f"{label} {score:.4f} on {len(y)} rows")
            continue
        if len(np.unique(codes)) < len(classes):
            reasons.insert(0, "the rows lack a class")
        missing.append(f"{label} no value on {len(y)} rows; {': '.join(reasons) or '$reason'}")
    if missing:
        raise SystemExit("\\n".join(missing))
'''


def score_code(scoring: str, n_classes: int, script: Script) -> list[str]:
    """Return the code of the score of one target; of numbers, `n_classes` is 0."""
    of_all = _score_of_all(scoring, [n_classes], script)
    return [of_all, _SCORE_OF_ALL] if of_all else [_SCORE]


def target_score_code(scoring: str, n_classes: Sequence[int], script: Script) -> list[str]:
    """Return the code of the score of one of several targets of classes."""
    of_all = _score_of_all(scoring, n_classes, script)
    return [of_all, _TARGET_SCORE_OF_ALL] if of_all else [_TARGET_SCORE]


def print_scores_code(classes: str) -> list[str]:
    """Return the code that prints the scores of one target or of several targets: of the folds, and of test rows.

    Parameters
    ----------
    classes : str
        Code of a list with the classes of each target; empty for numbers.
    """
    warned = "the warnings above may say why"
    if not classes:
        return [Template(each).substitute(reason=warned) for each in (_PRINT_SCORES, _PRINT_TEST_SCORES)]
    return [
        Template(_PRINT_SCORES).substitute(reason="the rows of a fold may lack a class"),
        Template(_PRINT_TEST_SCORES_OF_CLASSES).substitute(classes=classes, reason=warned),
    ]


def _score_of_all(scoring: str, n_classes: Sequence[int], script: Script) -> str:
    """Return the code of a score of the probabilities of all classes; empty if scikit-learn's scorer takes its place.

    That scorer raises an error, or takes a wrong column, where rows lack a class. Of two classes it takes one column.
    """
    weights = "sizes" if scoring.endswith("_weighted") else "None"
    if scoring == "neg_log_loss" or (scoring in _ROW_MEANS and min(n_classes) > 2):
        script.use("sklearn.metrics", _ROW_MEANS[scoring].removeprefix("-"))
        return _ROW_MEAN.format(function=_ROW_MEANS[scoring])
    if scoring.startswith("roc_auc_ov") and min(n_classes) > 2:
        script.use("sklearn.metrics", "roc_auc_score")
        if "_ovr" in scoring:
            return _AREA_OF_CLASSES.format(weights=weights)
        script.use("itertools", "combinations")
        return _AREA_OF_PAIRS.format(weights=weights)
    script.use("sklearn.metrics", "get_scorer")
    return ""
