"""The model card of a saved model, ``README.md``: the sections of Hugging Face's and skops' cards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from automl.markdown import code_span, markdown_text
from automl.plurals import plural
from automl.task.metric_words import MetricWords

_MOST_COLUMNS = 50  # rows of the table of columns
_MOST_CLASSES = 20


def model_card(about: Mapping[str, Any]) -> str:
    """Return the text of the card.

    Parameters
    ----------
    about : mapping
        The result of `automl.persistence.saving.describe`.
    """
    tag = "tabular-regression" if about["classes"] is None else "tabular-classification"
    sections = {
        "Model description": _description(about),
        "Intended use": (
            "Predictions for tables with the columns below, from the same source as the training table. Describe here "
            "what the model is meant for, and what it must not be used for."
        ),
        "Training data": _training_data(about),
        "Training procedure": _procedure(about),
        "Evaluation": _evaluation(about),
        "How to use": _how_to_use(about),
        "Limitations": (
            "- The expected score holds for rows like the training rows. It does not hold after the source has "
            "changed.\n- Levels of categories without training rows are read as missing cells.\n- Nobody has examined "
            "whether the model treats groups of people fairly. Add your own analysis here."
        ),
        "Versions": _table(["library", "version"], [[name, version] for name, version in about["versions"].items()]),
        "Contact": "Add here who is responsible for the model, and how to cite it.",
    }
    head = f"---\nlibrary_name: cash-automl\ntags:\n- {tag}\n- automl\n---\n\n# {about['estimator']}\n"
    return head + "".join(f"\n## {title}\n\n{text.rstrip()}\n" for title, text in sections.items())


def _description(about: Mapping[str, Any]) -> str:
    n_models = sum(member["models"] for member in about["members"])
    members = [
        [markdown_text(member["configuration"].get("model", "")), f"{member['weight']:.3f}", member["models"]]
        for member in about["members"]
    ]
    what = "classifier" if about["classes"] is not None else "regressor"
    return (
        f"A {what} that is the weighted mean of {plural(n_models, 'fitted pipeline')} of "
        f"{plural(len(members), 'configuration')}.\n\n" + _table(["family", "weight", "models"], members)
    )


def _training_data(about: Mapping[str, Any]) -> str:
    columns = about["columns"]
    kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(column["kind"] for column in columns).most_common())
    text = f"{plural(about['n_training_rows'], 'row')}, {plural(len(columns), 'column')}: {kinds}."
    text += f" The target is {code_span(about['target'])}.\n\n" if about["target"] is not None else "\n\n"
    shown = [
        [
            markdown_text(column["name"]),
            column["kind"],
            markdown_text(column["dtype"] or ""),
            markdown_text(column["reason"]),
        ]
        for column in columns[:_MOST_COLUMNS]
    ]
    text += _table(["column", "kind", "dtype", "note"], shown)
    if len(columns) > _MOST_COLUMNS:
        text += f"\n`manifest.json` lists {plural(len(columns) - _MOST_COLUMNS, 'more column')}.\n"
    if about["classes"] is not None:
        labels = ", ".join(code_span(label) for label in about["classes"][:_MOST_CLASSES])
        more = len(about["classes"]) - _MOST_CLASSES
        text += f"\nClasses: {labels}{f' and {more} more' if more > 0 else ''}.\n"
    return text


def _procedure(about: Mapping[str, Any]) -> str:
    text = "A search over pipelines, and an ensemble of the best ones. "
    parameters = [[name, code_span(repr(about["parameters"][name]))] for name in about["changed_parameters"]]
    if not parameters:
        return text + "All parameters have their default values, which `manifest.json` lists."
    text += "Parameters that do not have their default values (`manifest.json` lists all):\n\n"
    return text + _table(["parameter", "value"], parameters)


def _evaluation(about: Mapping[str, Any]) -> str:
    estimate, words = about["expected_score"], MetricWords.of(about["metric"], about["metric_class"])
    name = markdown_text(words.name)
    if estimate is None:
        return (
            f"Metric: {name} ({words.direction}). There is no expected score here: either the "
            "argument `cv` orders the rows by time, so that scores on older rows say little about the future, or the "
            "scorer is slow. In the second case, the attribute `estimate_` of the loaded estimator computes it."
        )
    interval = "no interval"
    if isinstance(estimate["low"], float):
        interval = f"{estimate['level']:.0%} interval {words.interval_text(estimate['low'], estimate['high'])}"
    origin = f", and it is {estimate['note']}" if estimate["note"] else " and corrected for the search"
    return (
        f"Expected {name} on new rows: {words.text(estimate['score'])} ({interval}; {words.direction}). It was "
        f"computed from out-of-fold predictions{origin}. It holds for rows like the training rows."
    )


def _how_to_use(about: Mapping[str, Any]) -> str:
    method = "predict_proba" if about["classes"] is not None else "predict"
    return (
        "```python\nfrom automl import load\n\n"
        f'model = load("path/of/this/folder", for_prediction=True)\nmodel.{method}(table)\n```\n\n'
        "`load` reads no pickle. `requirements.txt` lists the libraries that predictions need."
    )


def _table(names: list[str], rows: list[list[Any]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
