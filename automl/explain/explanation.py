"""The result of `explain`: SHAP values of rows, named by the raw columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.errors import AutoMLError, InvalidInputError
from automl.plurals import plural, short_number
from automl.task.positive_class import positive_code
from pipelines.targets import TargetLayout

Array = NDArray[Any]


_SHOWN = 10  # columns in the text of an explanation


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """
    SHAP values of some rows: how much each cell moves the prediction away from the mean prediction.

    For each row, `base` plus the sum of its `values` is its prediction.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns) or (n_rows, n_columns, n_outputs)
        SHAP values in the unit of the prediction: of the target, or a probability for each class. The outputs of
        several targets lie side by side.
    base : ndarray of shape () or (n_outputs,)
        Mean prediction of the background rows.
    predictions : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Result of `predict` or `predict_proba`.
    data : DataFrame
        The explained rows; its columns are the columns of the training table.
    classes : ndarray of shape (n_classes,) or list of ndarray, optional
        The classes, a list for several targets; None for regression.
    positive : int, optional
        Number of the class of interest of two classes.
    targets : TargetLayout, optional
        The names of several targets, and the places of their outputs; None for one target.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from automl import AutoMLRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
    >>> explanation = reg.explain(X[:2])
    >>> total = explanation.base + explanation.to_frame().sum(axis=1)
    >>> bool(abs(total - reg.predict(X[:2])).max() < 1e-9)
    True
    """

    values: Array
    base: Array
    predictions: Array
    data: pd.DataFrame
    classes: Any = None
    positive: int | None = None
    targets: TargetLayout | None = None

    def __repr__(self) -> str:
        """Return the columns with the largest mean effects."""
        if self.targets is not None:
            return "\n".join(f"target {name!r}: {self.of_target(name)!r}" for name in self.targets.names)
        if self.classes is None:
            values, of_what = self.values, f"the prediction; its mean is {short_number(float(self.base))}"
        elif self.positive is None:
            values, of_what = self.values, f"the probabilities of {len(self.classes)} classes"
        else:
            label, mean = self.classes.tolist()[self.positive], short_number(float(self.base[self.positive]))
            values, of_what = (
                self.values[:, :, self.positive],
                f"the probability of class {label!r}; its mean is {mean}",
            )
        effects = np.abs(values).mean(axis=(0, 2) if values.ndim == 3 else 0)
        order = np.argsort(-effects, kind="stable")
        names = [str(name) for name in self.data.columns]
        width = max(len(names[i]) for i in order[:_SHOWN])
        lines = [f"  {names[i]:<{width}}  {short_number(float(effects[i]))}" for i in order[:_SHOWN]]
        if more := len(names) - len(lines):
            lines.append(f"  and {plural(more, 'more column')}")
        head = f"Explanation of {plural(len(self.data), 'row')}: effects of columns on {of_what}"
        return "\n".join([head, "mean size of the effect (to_frame() has each row):", *lines])

    def of_target(self, name: str | int) -> Explanation:
        """
        Return the explanation of one of several targets.

        Parameters
        ----------
        name : str or int
            Name of the target; targets without names are called ``target_0``, ``target_1`` and so on. A target of a
            frame whose column is named by a number is found by this number, or by its text.

        Returns
        -------
        Explanation
            It has the form of an explanation of a model of this target alone.

        Raises
        ------
        InvalidInputError
            If there is no such target.

        Examples
        --------
        >>> from sklearn.datasets import load_linnerud
        >>> from automl import AutoMLRegressor
        >>> X, y = load_linnerud(return_X_y=True, as_frame=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.explain(X[:2]).of_target("Waist").to_frame().shape
        (2, 3)
        """
        layout = self.targets
        if layout is None:
            raise InvalidInputError("of_target is for several targets, but the explained model has one; leave it out")
        if str(name) not in layout.names:
            raise InvalidInputError(
                f"there is no target {name!r}; the targets are {', '.join(map(repr, layout.names))}"
            )
        at = layout.names.index(str(name))
        values, base, predictions = (layout.blocks(each)[at] for each in (self.values, self.base, self.predictions))
        classes = None if self.classes is None else np.asarray(self.classes[at])
        positive = positive_code(classes, None) if classes is not None and len(classes) == 2 else None
        return Explanation(values, base, predictions, self.data, classes, positive)

    def to_frame(self, label: Any = None) -> pd.DataFrame:
        """
        Return the values as a table.

        Parameters
        ----------
        label : label, optional
            The class whose probability is explained. By default, the class of interest of two classes; with more
            classes, the table holds all of them.

        Returns
        -------
        DataFrame
            One row for each explained row, one column for each column of the training table. With more than two
            classes and without a label, the columns have two levels: class and column. With several targets, the first
            level is the name of the target; classes then have a level, also of two classes.

        Raises
        ------
        InvalidInputError
            If there is no such class, or if there is a label and the model has several targets.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
        >>> clf.explain(X[:2]).to_frame(label=0).shape
        (2, 4)
        """
        names = self.data.columns
        if self.targets is not None and label is None:
            each = {name: self.of_target(name)._with_classes() for name in self.targets.names}
            return pd.concat(each, axis=1)
        if self.classes is not None and label is None and self.positive is None:
            frames = [pd.DataFrame(self.values[:, :, k], self.data.index, names) for k in range(len(self.classes))]
            return pd.concat(frames, axis=1, keys=self.classes.tolist())
        return pd.DataFrame(self._values_of(self.code_of(label)), self.data.index, names)

    def _with_classes(self) -> pd.DataFrame:
        """Return the values as a table whose columns have the level of the class, also of two classes."""
        table = self.to_frame()
        if self.classes is None or self.positive is None:
            return table
        return pd.concat({self.classes.tolist()[self.positive]: table}, axis=1)

    def code_of(self, label: Any = None) -> tuple[int, ...]:
        """
        Return the index of a class in the last axis of `values`.

        Parameters
        ----------
        label : label, optional
            The class; by default the class of interest of two classes, or the most probable class of the first row.

        Returns
        -------
        tuple of int
            One number; empty for regression.

        Raises
        ------
        InvalidInputError
            If there is no such class, or if the model has several targets.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
        >>> clf.explain(X[:1]).code_of(2)
        (2,)
        """
        if self.targets is not None:
            first = self.targets.names[0]
            raise InvalidInputError(
                f"the explanation holds {self.targets.n_targets} targets; choose one first, such as "
                f"explanation.of_target({first!r})"
            )
        if self.classes is None:
            if label is not None:
                raise InvalidInputError("label is for classifiers; leave it out for regression")
            return ()
        if label is None:
            return (int(self.predictions[0].argmax()) if self.positive is None else self.positive,)
        labels = self.classes.tolist()
        if label not in labels:
            raise InvalidInputError(f"label={label!r} is no class; the classes are {', '.join(map(repr, labels[:5]))}")
        return (labels.index(label),)

    def _values_of(self, code: tuple[int, ...]) -> Array:
        return np.asarray(self.values[:, :, code[0]] if code else self.values)

    def to_shap(self, label: Any = None) -> Any:
        """
        Return an explanation for the plots of the package shap, which belongs to the extra `explain`.

        Parameters
        ----------
        label : label, optional
            The class whose probability is explained, as in `code_of`.

        Returns
        -------
        shap.Explanation
            It works with ``shap.plots.beeswarm`` and the other plots of shap.

        Raises
        ------
        AutoMLError
            If shap is not installed.

        Examples
        --------
        >>> import pytest
        >>> shap = pytest.importorskip("shap")
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
        >>> clf.explain(X[:2]).to_shap(label=1).values.shape
        (2, 4)
        """
        try:
            import shap
        except ImportError as error:
            raise AutoMLError("to_shap needs shap; install it with: pip install 'cash-automl[explain]'") from error
        code = self.code_of(label)
        return shap.Explanation(
            values=self._values_of(code),
            base_values=np.full(len(self.values), float(self.base[code])),
            data=self.data.to_numpy(),
            feature_names=[str(name) for name in self.data.columns],
        )
