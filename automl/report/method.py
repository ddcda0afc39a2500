"""The method `report` of both estimators."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from automl.errors import InvalidInputError, check_names
from automl.report.collect import collect
from automl.report.model import ReportedModel
from automl.report.render import check_libraries, to_html, to_json, to_markdown
from meta_db.files import write_text

FORMATS = ("html", "markdown", "json")


class Reporting(ReportedModel):
    """The method `report`."""

    def report(
        self, path: str | os.PathLike[str], format: str = "html", *, train: Any = None, test: Any = None
    ) -> None:
        """
        Write a report about the fitted estimator into one file.

        The report says what the model is worth, how the table was read, what the model does on rows that it has not
        seen, what the ensemble and the search look like, and how to repeat the run. The HTML page needs no network.

        Parameters
        ----------
        path : str or path-like
            File of the report. An earlier file is replaced.
        format : {"html", "markdown", "json"}, default="html"
            The form of the report; the content is the same.
        train : tuple of (table, target), optional
            The training table, for the counts of missing cells and of distinct values of each column. A model that
            was saved without its rows needs it.
        test : tuple of (table, target), optional
            Rows that the model has not seen, with known labels; the report shows what the model does on them.

        Raises
        ------
        AutoMLError
            If a library of the extra `report` is not installed.
        InvalidInputError
            If an argument cannot be used, a table does not suit the model, or the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> path = Path(tempfile.mkdtemp()) / "report.md"
        >>> reg.report(path, format="markdown")
        >>> path.read_text(encoding="utf-8").splitlines()[0]
        '# Prediction of the target'
        """
        check_is_fitted(self, "_ensemble")
        _write_report(self, path, format, train, test)


def _write_report(estimator: ReportedModel, path: str | os.PathLike[str], format: str, train: Any, test: Any) -> None:
    """Write the report about a fitted estimator; see `Reporting.report`."""
    check_names("format", format, FORMATS)
    if not isinstance(path, str | os.PathLike):
        raise InvalidInputError(f"path must be the path of a file; got {path!r}")
    file = Path(path)
    if file.is_dir() or not file.absolute().parent.is_dir():
        problem = "it is a folder" if file.is_dir() else "there is no such folder"
        raise InvalidInputError(f"the report cannot be written to '{file}': {problem}; name a file")
    check_libraries({"html": ["jinja2", "matplotlib"], "markdown": ["jinja2"], "json": []}[format])
    data = collect(estimator, train, test)
    if format == "json":
        text = to_json(data, indent=1) + "\n"
    else:
        text = to_html(data) if format == "html" else to_markdown(data)
    try:
        write_text(file, text)
    except OSError as error:
        raise InvalidInputError(f"the report cannot be written to '{file}': {error}") from error
