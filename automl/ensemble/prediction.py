"""The prediction of an ensemble: each transformation once, and in several threads if it takes long.

Members often share their preprocessing on a fold. Transformers with equal content are found when the plan is made, and
each of them transforms the table once. A plan holds only references to the fitted parts and small tables; it is made at
the first prediction, and it is not saved.
"""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from automl.execute.evaluate import as_predictions, classes_of
from automl.execute.machine import available_cpus
from pipelines.prediction import fast_predict, fast_predict_together, fast_transform

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Array = NDArray[Any]
Item = TypeVar("Item")
Result = TypeVar("Result")

_ALONE_SECONDS = 0.02  # after which threads save more than they cost
_SMALLEST_BLOCK = 2_000  # rows
_BATCHED_ROWS = 1_000  # up to here the networks of all folds are one batch
_MAX_CELLS = 2**27  # of all transformed tables together; more rows are predicted in blocks


def _run(function: Callable[[Item], Result], items: Sequence[Item], n_threads: int | None) -> list[Result]:
    """Return the result of a function for each item: in this thread at first, in several threads if it takes long."""
    started, results = time.perf_counter(), list[Result]()
    for place, item in enumerate(items):
        late = n_threads != 1 and place < len(items) - 1 and time.perf_counter() - started > _ALONE_SECONDS
        if late and (most := _threads(n_threads)) > 1:
            with ThreadPoolExecutor(most, thread_name_prefix="automl-predict") as pool:
                return results + list(pool.map(function, items[place:]))
        results.append(function(item))
    return results


def _threads(n_threads: int | None) -> int:
    """Return the number of threads: the machine that predicts may have fewer cores than the one that fitted."""
    cores = available_cpus()
    return cores if n_threads is None else min(n_threads, cores)


def _content(step: Any) -> bytes:
    """Return bytes that are equal for transformers with equal attributes."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL)
    # Otherwise the bytes would depend on which equal texts are one object, and so on how a model was read.
    pickler.fast = True
    try:
        pickler.dump(step)
    except ValueError:  # an object holds itself
        return pickle.dumps(step, protocol=pickle.HIGHEST_PROTOCOL)
    return buffer.getvalue()


@dataclass(frozen=True)
class _Transformer:
    """A transformer, and the number of the table that it transforms; table 0 is the input."""

    source: int
    transform: Callable[[Any], Any]


@dataclass(frozen=True)
class _Model:
    """The last step of a pipeline."""

    table: int
    classes: NDArray[np.intp] | None
    predict: Callable[[Any], Any]


@dataclass(frozen=True)
class _Batch:
    """Models that predict in one call where rows are few; None where there is no such call."""

    models: tuple[_Model, ...]
    together: Callable[[Sequence[Any]], list[Any]] | None


class PredictionPlan:
    """The steps of all fold models, in an order in which each transformation is computed once.

    Parameters
    ----------
    bags : sequence of (sequence of Pipeline)
        Fitted pipelines; those of one bag have the same configuration.
    n_columns : int
        Number of columns of the predictions; 0 for regression.
    """

    def __init__(self, bags: Sequence[Sequence[Pipeline]], n_columns: int):
        self._n_columns = n_columns
        self._transformers: list[_Transformer] = []
        self._levels: list[list[int]] = []  # numbers of tables that can be computed at the same time
        numbers: dict[tuple[int, bytes], int] = {}
        self._batches: list[_Batch] = []
        for bag in bags:
            models = tuple(self._add(pipeline, numbers) for pipeline in bag)
            together = fast_predict_together([pipeline[-1] for pipeline in bag])
            self._batches += [_Batch(models, together)] if together else [_Batch((model,), None) for model in models]

    def _add(self, pipeline: Pipeline, numbers: dict[tuple[int, bytes], int]) -> _Model:
        """Return the model of a pipeline, and enter its transformers where they are new."""
        table = 0
        for level, (_, step) in enumerate(pipeline.steps[:-1]):
            key = (table, _content(step))
            if key not in numbers:
                self._transformers.append(_Transformer(table, fast_transform(step)))
                numbers[key] = len(self._transformers)
                if level == len(self._levels):
                    self._levels.append([])
                self._levels[level].append(numbers[key])
            table = numbers[key]
        return _Model(table, classes_of(pipeline, self._n_columns), fast_predict(pipeline[-1]))

    def predict(self, X: Any, n_threads: int | None = 1) -> list[Array]:
        """Return the predictions of each fold model, bag by bag.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, n_features)
            Output of the table reader.
        n_threads : int or None
            Largest number of threads that predict at the same time, if the prediction takes long; None for as many as
            there are cores.

        Returns
        -------
        list of ndarray
            Each of shape (n_samples, n_columns), or (n_samples,) for regression.
        """
        size = max(_SMALLEST_BLOCK, _MAX_CELLS // max(1, X.shape[1] * (1 + len(self._transformers))))
        if X.shape[0] <= size:
            return self._predict_block(X, n_threads)
        blocks = [self._predict_block(X[start : start + size], n_threads) for start in range(0, X.shape[0], size)]
        return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]

    def _predict_block(self, X: Any, n_threads: int | None) -> list[Array]:
        n_rows = X.shape[0]
        tables: list[Any] = [X, *[None] * len(self._transformers)]

        def transform(number: int) -> None:
            step = self._transformers[number - 1]
            with np.errstate(all="ignore"):
                tables[number] = step.transform(tables[step.source])

        def predict(batch: _Batch) -> list[Array]:
            with np.errstate(all="ignore"):
                own = [tables[model.table] for model in batch.models]
                if batch.together is not None and n_rows <= _BATCHED_ROWS:
                    outputs = batch.together(own)
                else:
                    outputs = [model.predict(table) for model, table in zip(batch.models, own, strict=True)]
            pairs = zip(batch.models, outputs, strict=True)
            return [as_predictions(out, model.classes, self._n_columns, n_rows) for model, out in pairs]

        for level in self._levels:
            _run(transform, level, n_threads)
        return [out for outputs in _run(predict, self._batches, n_threads) for out in outputs]
