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

    After a change of its steps or their parameters, its text is that of scikit-learn: the configuration is then false.

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
        self._original = _facts(steps)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters without the configuration, which the text of an outer estimator would begin with."""
        return {name: value for name, value in super().get_params(deep).items() if name != "configuration"}

    def __sklearn_clone__(self) -> BestPipeline:
        copy: BestPipeline = super().__sklearn_clone__()
        copy.configuration, copy._original = self.configuration, self._original
        return copy

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        configuration = self.configuration
        if configuration is None or _facts(self.steps) != self._original:
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


def _facts(steps: Sequence[tuple[str, Any]]) -> list[tuple[str, str, dict[str, str]]]:
    """Return the name, the type and the parameters of each step, also those of its parts, as texts.

    Of a parameter that is no text or number, the text is the name of its type.
    """
    found = []
    for name, step in steps:
        params = step.get_params() if hasattr(step, "get_params") else {}
        texts = {key: str(v) if isinstance(v, str | int | float) else type(v).__name__ for key, v in params.items()}
        found.append((name, type(step).__name__, texts))
    return found


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
