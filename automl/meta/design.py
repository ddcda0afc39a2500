"""The configurations that `automl meta build` measures, in their order, and the ones that it stops measuring."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ConfigSpace import ConfigurationSpace
from scipy.stats import rankdata

from meta_db.records import Results
from pipelines.build import predicted_seconds
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from pipelines.models import MODELS, PORTFOLIO
from pipelines.rich_tables import RICH_TABLES
from pipelines.space import build_space, complete, to_configuration

# Families that win often; a round has four new configurations of each.
_STRONG = ("lightgbm", "xgboost", "catboost", "realmlp", "extra_trees", "random_forest")
# Weaker families, and two families that take most of a round's seconds; a round has two of each.
_MIDDLE = (
    "tabm", "resnet", "hist_gradient_boosting", "kernel_svm", "logistic_regression", "k_nearest_neighbors",
    "gaussian_process", "recursive_feature_machine",
)  # fmt: skip
_PER_ROUND = {**dict.fromkeys(_STRONG, 4), **dict.fromkeys(_MIDDLE, 2)}
_PLAIN_SHARE = 0.7  # of the drawn configurations, whose steps before the model are the family's usual ones
# Seconds of a fit on one of the widest tables. A slower draw may take at most as long as the slowest configuration of
# its family in the portfolio: a search of a few minutes could not use it.
_SLOW_SECONDS = 1.5
_TRIES = 50
_ENOUGH = 25  # data sets on which a configuration is measured before it may count as dominated
_GOOD_SHARE = 0.05  # share of these data sets on which it must be in the better half
_WIDEST = (RICH_TABLES["binary"], RICH_TABLES["regression"])


def design(n_rounds: int, seed: int = 0) -> Iterator[list[Configuration]]:
    """Yield rounds of configurations: the hand-made portfolio, then draws from the joint space.

    The space has every kind of column; each table uses the part of a configuration that applies to it
    (`pipelines.space.complete`). The draws of a round depend on the seed and the round alone. Draws that are too slow
    are left out. If all draws of a family are too slow, another one is drawn until one is not.
    """
    yield [Configuration(entry) for entry in PORTFOLIO]
    spaces = {
        component.name: [
            (traits, build_space(traits, include=(component.name,))) for traits in _WIDEST if component.applies(traits)
        ]
        for component in MODELS
    }
    for number in range(1, n_rounds):
        rng = np.random.default_rng((seed, number))
        drawn: list[Configuration] = []
        for place, (family, offered) in enumerate(spaces.items()):
            wide = [offered[i % len(offered)] for i in range(_PER_ROUND.get(family, 1))]
            draws = [(_draw(space, family, rng), traits, space) for traits, space in wide]
            fast = [draw for draw, traits, space in draws if not _is_slow(draw, traits, space)]
            # A generator of its own, so that the draws of other families do not change.
            drawn += fast or _draw_fast(*offered[0], family, np.random.default_rng((seed, number, place)))
        yield list(dict.fromkeys(drawn))


def dominated(results: Results) -> set[Configuration]:
    """Return the configurations that are bad on nearly all data sets; they are not measured on further ones."""
    scores = results.scores
    quantile = np.full(scores.shape, np.nan)
    for i, row in enumerate(scores):
        known = np.isfinite(row)
        if known.sum() > 1:
            quantile[i, known] = (rankdata(-row[known]) - 1) / (known.sum() - 1)
    tried = np.isfinite(quantile).sum(axis=0)
    good = (quantile <= 0.5).sum(axis=0)
    is_dominated = (tried >= _ENOUGH) & (good < _GOOD_SHARE * tried)
    return {configuration for (_, configuration), bad in zip(results.configurations, is_dominated, strict=True) if bad}


def _is_slow(configuration: Configuration, traits: TableTraits, space: ConfigurationSpace) -> bool:
    """Return whether a fit is too slow for a search of a few minutes."""
    own = [Configuration(entry) for entry in PORTFOLIO if entry["model"] == configuration.family]
    known = [completed for entry in own if (completed := complete(space, entry)) is not None]
    bound = max([_SLOW_SECONDS, *(predicted_seconds(entry, traits) for entry in known)])
    return predicted_seconds(configuration, traits) > bound


def _draw_fast(
    traits: TableTraits, space: ConfigurationSpace, family: str, rng: np.random.Generator
) -> list[Configuration]:
    """Draw one configuration of a family that is not too slow; return an empty list if none is found."""
    for _ in range(_TRIES):
        drawn = _draw(space, family, rng)
        if not _is_slow(drawn, traits, space):
            return [drawn]
    return []


def _draw(space: ConfigurationSpace, family: str, rng: np.random.Generator) -> Configuration:
    """Draw a configuration of one family, usually with the family's usual steps before the model."""
    space.seed(int(rng.integers(2**31)))
    drawn = to_configuration(space.sample_configuration())
    usual = next((entry for entry in PORTFOLIO if entry["model"] == family), None)
    if usual is None or rng.random() >= _PLAIN_SHARE:
        return drawn
    model = {f"model:{family}:{name}": value for name, value in drawn.of(f"model:{family}").items()}
    steps = {name: value for name, value in usual.items() if not name.startswith("model:")}
    plain = complete(space, {**steps, **model})
    assert plain is not None  # the space holds the family
    return plain
