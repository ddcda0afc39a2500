"""A warning about the data, and the lines of the log that show the most severe warnings."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from automl.plurals import plural

SEVERITIES = ("high", "medium", "low")
_LINES_SHOWN = 3


@dataclass(frozen=True)
class DataWarning:
    """A fact about the training data that makes a model or its score worse than it looks.

    Parameters
    ----------
    code : str
        The name of the check: "equal_rows", "time_order", "identifier", "target_column", "constant_target",
        "rare_classes", "missing_by_class", "small_groups", "scorer_sign", "leak" or "no_better_than_constant".
    column : hashable or None
        Name of the column, or its position if the columns have no names; None for a fact about rows or the target.
    message : str
        The fact, and how to solve the problem.
    severity : {"high", "medium", "low"}
        "high": the scores are probably wrong, or the model may be useless; "medium": look at the data before you use
        the model; "low": worth knowing.

    Examples
    --------
    >>> from automl.checks.warning import DataWarning
    >>> DataWarning("identifier", "patient_id", "column 'patient_id' identifies rows; drop it", "medium").column
    'patient_id'
    """

    code: str
    column: Hashable | None
    message: str
    severity: str


def sort_warnings(found: Iterable[DataWarning]) -> list[DataWarning]:
    """Return warnings with the most severe ones first; warnings of the same severity keep their order."""
    return sorted(found, key=lambda warning: SEVERITIES.index(warning.severity))


def log_lines(found: Sequence[DataWarning]) -> list[str]:
    """Return a few lines for the log: the most severe warnings, and the number of the others."""
    lines = [f"warning: {warning.message}" for warning in sort_warnings(found)[:_LINES_SHOWN]]
    if len(found) > _LINES_SHOWN:
        lines.append(f"and {plural(len(found) - _LINES_SHOWN, 'more warning')} in the attribute warnings_")
    return lines


def list_names(names: Sequence[str], shown: int, noun: str) -> str:
    """Return the first names of a list, and the number of the others.

    >>> list_names(["'a'", "'b'", "'c'"], 2, "column"), list_names(["'a'"], 2, "column")
    ("'a', 'b' and 1 other column", "'a'")
    """
    more = len(names) - shown
    if more <= 0:
        return ", ".join(names)
    return f"{', '.join(names[:shown])} and {plural(more, 'other ' + noun)}"


def percent(share: float) -> str:
    """Return a share as a percentage of two digits.

    >>> percent(0.123), percent(0.9996), percent(0.0004)
    ('12 %', '99.96 %', '0.04 %')
    """
    value = 100 * share
    if value > 99:
        return f"{100 - float(f'{100 - value:.2g}'):g} %"
    return f"{value:.2g} %" if value else "0 %"
