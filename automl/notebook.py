"""The view of a fitted estimator in a notebook: a short summary above the diagram of scikit-learn."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from automl.ensemble.estimate import Estimate
from automl.ensemble.fitted_model import FittedModel
from automl.fitted.score_over_time import further_gain_sentence
from automl.plurals import plural
from automl.task.metric_words import MetricWords

# The styles that notebooks have for tables are more specific than a class.
_STYLE = """
table.automl-summary {font: 13px/1.5 system-ui, sans-serif; margin: 0 0 .6em !important; border-collapse: collapse;
  color: inherit}
.automl-summary caption {text-align: left; font-weight: 600; padding-bottom: .2em}
.automl-summary tr, .automl-summary th, .automl-summary td {background: none !important; border: 0 !important}
.automl-summary th, .automl-summary td {text-align: left !important; vertical-align: top !important;
  padding: .1em 1em .1em 0 !important}
.automl-summary th {font-weight: 400 !important; opacity: .7; white-space: nowrap !important}
"""


class NotebookView(FittedModel):
    """Shows a summary of a fitted estimator in notebooks, above the diagram that scikit-learn shows."""

    def _html_repr(self) -> str:
        diagram: str = super()._html_repr()  # type: ignore[misc]
        return _summary_html(self) + diagram if "_ensemble" in vars(self) else diagram


def _summary_html(estimator: FittedModel) -> str:
    """Return the summary of a fitted estimator as one block of HTML, from values that are known already."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in summary(estimator).items()
    )
    title = escape(f"{type(estimator).__name__}, fitted")
    return f'<style>{_STYLE}</style><table class="automl-summary"><caption>{title}</caption>{rows}</table>'


def summary(estimator: FittedModel) -> dict[str, str]:
    """Return the facts about a fitted estimator in words, by their names.

    >>> from sklearn.datasets import load_iris
    >>> from automl import AutoMLClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
    >>> facts = summary(clf)
    >>> facts["task"], facts["training table"], facts["ensemble"]
    ('classification, 3 classes', '150 rows, 4 columns', '1 configuration, 8 models; the largest weight has lda (1.00)')
    """
    known = vars(estimator)
    ensemble, words = known["_ensemble"], known["_metric"].words
    task = "classification" if ensemble.n_classes else "regression"
    task += "" if known.get("_target_name") is None else f" of '{known['_target_name']}'"
    kind = f"{task}, {ensemble.n_classes} classes" if ensemble.n_classes else task
    if ensemble.targets is not None:
        kind = f"{task}, {ensemble.targets.n_targets} targets"
    if ensemble.quantiles:
        kind = f"{task}, quantiles {', '.join(map(str, ensemble.quantiles))}"
    n_rows, n_columns = int(known["_reader"].n_rows_), estimator.n_features_in_
    best = max(ensemble.bags, key=lambda bag: bag.weight)
    n_models = sum(len(bag.models) for bag in ensemble.bags)
    facts = {
        "task": kind,
        "training table": f"{plural(n_rows, 'row')}, {plural(n_columns, 'column')}",
        "metric": f"{words.name}; {words.direction}",
        "expected score": _expected(known, words),
        "ensemble": f"{plural(len(ensemble.bags), 'configuration')}, {plural(n_models, 'model')}; the largest weight "
        f"has {best.configuration.family} ({best.weight:.2f})",
    }
    if "history_" in known:
        facts["search"] = f"{plural(len(known['history_'].evaluations), 'configuration')}; {known['stop_reason_']}"
    if sentence := further_gain_sentence(estimator):
        facts["longer search"] = sentence
    return facts


def _expected(known: dict[str, Any], words: MetricWords) -> str:
    """Return the estimate in words, if it is known; its computation would take seconds."""
    if "_estimate" not in known:
        return "unknown: the loaded model does not hold it"
    estimate = known["_estimate"]
    if estimate is None:
        return "unknown: the rows are in the order of time"
    if not isinstance(estimate, Estimate):
        return "not computed yet; read estimate_"
    if math.isnan(estimate.score):
        return "unknown while the search goes on"
    interval = "no interval"
    if math.isfinite(estimate.low):
        interval = f"{estimate.level:.0%} interval {words.interval_text(estimate.low, estimate.high)}"
    note = f"; it is {estimate.note}" if estimate.note else ""
    return f"{words.text(estimate.score)} on new rows ({interval}){note}"
