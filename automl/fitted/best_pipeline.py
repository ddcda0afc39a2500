"""The pipeline with the largest weight, whose text says what a user of the search wants to know about it."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sklearn.pipeline import Pipeline

from pipelines.catalog import CATALOG
from pipelines.configuration import Configuration

_WIDTH = 100


class BestPipeline(Pipeline):
    """A pipeline of scikit-learn that shows its configuration in place of the parameters of its parts.

    Parameters
    ----------
    steps : sequence of (str, estimator)
        The first one reads the table.
    configuration : Configuration, optional
        The configuration of the steps; None for some of the steps alone, which are shown as in scikit-learn.
    transform_input, memory, verbose
        As in scikit-learn.
    """

    def __init__(
        self,
        steps: Sequence[tuple[str, Any]],
        *,
        configuration: Configuration | None = None,
        transform_input: Any = None,
        memory: Any = None,
        verbose: bool = False,
    ):
        super().__init__(steps, transform_input=transform_input, memory=memory, verbose=verbose)
        self.configuration = configuration

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        configuration = self.configuration
        if configuration is None:
            return str(super().__repr__(N_CHAR_MAX))
        columns = self.steps[0][1].layout.columns
        kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(column.kind for column in columns).items())
        lines = [f"table: {len(columns)} columns ({kinds})"]
        for step in sorted(CATALOG, key="model".__eq__):  # the model comes last
            name = configuration.get(step, "none")
            if name == "none":
                continue
            own = [f"{key}={_short(value)}" for key, value in configuration.of(f"{step}:{name}").items()]
            lines.append(f"{step}: {name}" + (f" ({', '.join(own)})" if own else ""))
        names = ", ".join(name for name, _ in self.steps)
        shown = [textwrap.fill(line, _WIDTH, initial_indent="  ", subsequent_indent="      ") for line in lines]
        return "\n".join([f"{type(self).__name__} with the steps {names}:", *shown])


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
