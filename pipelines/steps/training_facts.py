"""What a wrapper of models tells about their training: rounds, and whether the time limit has cut it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def take_training_facts(wrapper: Any, model: Any) -> None:
    """Give a wrapper the attributes of its fitted model that say how the training went."""
    for name in ("n_iter_", "full_rounds_", "mean_learning_rate_", "cut_"):
        if hasattr(model, name):
            setattr(wrapper, name, getattr(model, name))


def take_facts_of_all(wrapper: Any, models: Sequence[Any]) -> None:
    """Give a wrapper of several models the largest number of their iterations, and whether a training was cut."""
    known = [getattr(model, "n_iter_", None) for model in models]
    rounds = [np.max(numbers) for numbers in known if numbers is not None and np.size(numbers)]
    if rounds:
        wrapper.n_iter_ = int(max(rounds))
    wrapper.cut_ = any(getattr(model, "cut_", False) for model in models)
