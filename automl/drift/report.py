"""The result of a comparison of new rows with the training rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from automl.checks.warning import list_names
from automl.plurals import plural, short_number

COLUMNS = (
    "name",
    "kind",
    "drifted",
    "distance",
    "p",
    "adjusted_p",
    "test",
    "missing_before",
    "missing_now",
    "importance",
    "note",
)
_SHOWN = 3  # columns in the verdict
_LINES = 10  # columns in the text


@dataclass(frozen=True, repr=False)
class DriftReport:
    """How new rows differ from the training rows, and whether the difference is more than chance.

    Parameters
    ----------
    n_rows : int
        Number of new rows.
    n_training_rows : int
        Number of training rows that they are compared with.
    columns : DataFrame
        One row for each column that the model uses, the most different first: ``name``, ``kind``, ``drifted``,
        ``distance`` (0 to 1), ``p``, ``adjusted_p`` (by Benjamini and Hochberg), ``test``, ``missing_before`` and
        ``missing_now`` (shares), ``importance`` (share of the column in the adversarial model, if it distinguishes the
        rows) and ``note``.
    level : float
        Largest probability of a false alarm.
    auc, auc_p : float, default=nan
        Area under the ROC curve of the adversarial model on held-out rows, and its p value; NaN without such a model.
    auc_level : float, default=0.0
        The p value from which on the adversarial model counts as evidence.
    notes : tuple of str, default=()
        What a reader should know, such as new columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from automl.drift.report import DriftReport
    >>> columns = pd.DataFrame({"name": ["age"], "drifted": [False], "distance": [0.03], "note": [""]})
    >>> DriftReport(100, 400, columns, 0.05)
    no drift found: 1 column of 100 new rows was compared with 400 training rows
    """

    n_rows: int
    n_training_rows: int
    columns: pd.DataFrame
    level: float
    auc: float = float("nan")
    auc_p: float = float("nan")
    auc_level: float = 0.0
    notes: tuple[str, ...] = field(default=())

    @property
    def drifted_columns(self) -> list[object]:
        """
        Names of the columns that differ by more than chance, or that cannot be read, the most different first.

        Returns
        -------
        list
            Empty if there is none; the adversarial model may still find a difference.

        Examples
        --------
        >>> import pandas as pd
        >>> from automl.drift.report import DriftReport
        >>> DriftReport(9, 9, pd.DataFrame({"name": ["age"], "drifted": [True]}), 0.05).drifted_columns
        ['age']
        """
        return self.columns.loc[self.columns["drifted"].astype(bool), "name"].tolist()

    @property
    def drifted(self) -> bool:
        """
        Whether the new rows differ from the training rows by more than chance.

        Returns
        -------
        bool
            True if a column has drifted or the adversarial model distinguishes the rows.

        Examples
        --------
        >>> import pandas as pd
        >>> from automl.drift.report import DriftReport
        >>> DriftReport(9, 9, pd.DataFrame({"name": ["age"], "drifted": [True]}), 0.05).drifted
        True
        """
        return bool(self.drifted_columns) or self.is_distinguishable

    @property
    def is_distinguishable(self) -> bool:
        """
        Whether the adversarial model distinguishes the new rows from the training rows by more than chance.

        Returns
        -------
        bool
            False without an adversarial model.

        Examples
        --------
        >>> import pandas as pd
        >>> from automl.drift.report import DriftReport
        >>> none = pd.DataFrame({"name": [], "drifted": []})
        >>> DriftReport(9, 9, none, 0.05, auc=0.8, auc_p=0.001, auc_level=0.025).is_distinguishable
        True
        """
        return self.auc_p <= self.auc_level

    @property
    def verdict(self) -> str:
        """
        The result in words.

        Returns
        -------
        str
            One or two sentences.

        Examples
        --------
        >>> import pandas as pd
        >>> from automl.drift.report import DriftReport
        >>> DriftReport(90, 400, pd.DataFrame({"name": ["age", "pay"], "drifted": [True, False]}), 0.05).verdict
        "drift: 1 of 2 columns of the 90 new rows differs from the 400 training rows: 'age'"
        """
        n, names = len(self.columns), self.drifted_columns
        rows = f"{self.n_rows:,} new {'row' if self.n_rows == 1 else 'rows'}"
        old = f"{self.n_training_rows:,} training rows"
        model = ""
        if self.auc == self.auc:
            result = "distinguishes" if self.is_distinguishable else "does not distinguish"
            model = f"; an adversarial model {result} the rows (AUC {self.auc:.2f}, p = {self.auc_p:.2g})"
        if not self.drifted:
            verb = "was" if n == 1 else "were"
            return f"no drift found: {plural(n, 'column')} of {rows} {verb} compared with {old}{model}"
        if not names:
            return f"drift: no single column of the {rows} differs from the {old}, but all together do{model}"
        listed = list_names([repr(name) for name in names], _SHOWN, "column")
        verb = "differs" if len(names) == 1 else "differ"
        return f"drift: {len(names)} of {plural(n, 'column')} of the {rows} {verb} from the {old}: {listed}{model}"

    def __repr__(self) -> str:
        """Return the verdict, the notes, and a line for each column that has drifted."""
        found = self.columns[self.columns["drifted"].astype(bool)]
        if not len(found) and self.is_distinguishable:
            found = self.columns.sort_values("importance", ascending=False).head(_SHOWN)
        lines = [self.verdict]
        for row in found.head(_LINES).to_dict("records"):
            facts = [str(row["note"])] if row.get("note") else []
            if row.get("distance", float("nan")) == row.get("distance"):
                facts.insert(0, f"distance {short_number(float(row['distance']), 2)}")
            if row.get("importance", 0) and row["importance"] == row["importance"]:
                facts.append(f"{row['importance']:.0%} of the adversarial model")
            lines.append(f"  {row['name']}: {'; '.join(facts)}")
        if len(found) > _LINES:
            lines.append(f"  and {plural(len(found) - _LINES, 'other column')}")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])
