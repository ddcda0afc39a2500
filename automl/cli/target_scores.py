"""The metrics of each of several targets on a table with known labels; heavy libraries are imported inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.cli.support import split_names, write_note
from automl.cli.true_values import true_values
from automl.errors import InvalidInputError
from automl.plurals import plural

if TYPE_CHECKING:
    import pandas as pd

    from automl.base import BaseAutoML
    from automl.cli.chunks import ChunkedTable
    from automl.table_files.reading import Chunk
    from automl.usual_metrics.scores import Scored


def score_targets(
    estimator: BaseAutoML, path: Path, target: Sequence[str], chunk_rows: int | None, options: Any
) -> tuple[int, Scored | None, dict[str, list[Scored]]]:
    """Score a model of several targets on a table in a file.

    Returns
    -------
    n_rows : int
    whole : Scored or None
        The metric that the search has optimized, over all targets.
    each : dict of str to list of Scored
        The usual metrics of each target.
    """
    import numpy as np
    import pandas as pd

    from automl.cli.chunks import ChunkedTable, show_rows
    from automl.cli.seen_rows import SeenRows
    from automl.usual_metrics.scores import evaluate_targets

    source, seen = ChunkedTable(path, estimator, chunk_rows, options), SeenRows(estimator)
    truth, parts = [], []
    with show_rows(1) as add:
        for chunk, known, values in labeled_targets(source, estimator, path, target):
            rows, predictions = source.predict(chunk, estimator._read_and_predict)
            truth.append(values)
            parts.append(predictions[known])
            seen.add(rows[known], values)
            add(len(values))
        source.finish()
    seen.show()
    y = pd.concat(truth, ignore_index=True)
    return len(y), *evaluate_targets(estimator, y, np.concatenate(parts), write_note)


def labeled_targets(
    source: ChunkedTable, estimator: BaseAutoML, path: Path, target: Sequence[str]
) -> Iterator[tuple[Chunk, Any, pd.DataFrame]]:
    """Yield the chunks of a table, each with a mask of the rows that have all targets, and their true values.

    Raises
    ------
    InvalidInputError
        If a target is not found, a label is no class of the model, or no row has all targets.
    """
    import numpy as np
    import pandas as pd

    from automl.fitted.one_target import layout_of

    names = layout_of(estimator).names
    _check_names(names, target)
    classes = list(estimator.classes_) if estimator._is_classifier else [None] * len(names)
    pairs = list(zip(names, classes, strict=True))
    texts = [name for name, own in pairs if own is not None and all(isinstance(label, str) for label in own)]
    n_known, n_empty = 0, 0
    for chunk in source.chunks(texts=texts, numbers=[name for name, own in pairs if own is None]):
        missing = [name for name in names if name not in chunk.table.columns]
        if missing:
            raise InvalidInputError(
                f"'{path}' has no column '{missing[0]}', which is a target of the model; the targets are "
                f"{', '.join(map(repr, names))}"
            )
        labels = chunk.table[list(names)]
        known = labels.notna().all(axis=1).to_numpy()
        n_known, n_empty = n_known + int(known.sum()), n_empty + int((~known).sum())
        rows = chunk.first_row + np.flatnonzero(known)
        yield chunk, known, pd.DataFrame({name: true_values(labels[name][known], c, path, rows) for name, c in pairs})
    if n_empty:
        write_note(f"left out {plural(n_empty, 'row')} without a value of each target")
    if not n_known:
        raise InvalidInputError(f"'{path}' holds no row with a known value of each target")


def _check_names(names: Sequence[str], target: Sequence[str]) -> None:
    """Check that ``--target`` is missing, or names the targets of the model in any order."""
    given = list(target) if set(target) <= set(names) else list(split_names(target))
    if given and set(given) != set(names):
        raise InvalidInputError(
            f"--target: the targets of the model are {', '.join(map(repr, names))}; name all of them, or leave out "
            "--target"
        )
