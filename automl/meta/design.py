"""Which configurations the memory holds, in the order in which they are measured, and which are given up."""

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
from pipelines.space import RICH_TABLES, build_space, complete, to_configuration

# Families that win often enough to be worth many configurations; a round holds so many new ones of each.
_STRONG = ("lightgbm", "xgboost", "catboost", "realmlp", "extra_trees", "random_forest")
# Weaker ones, and two that take most of a round's seconds.
_MIDDLE = (
    "tabm", "resnet", "hist_gradient_boosting", "kernel_svm", "logistic_regression", "k_nearest_neighbors",
    "gaussian_process",
)  # fmt: skip
_A_ROUND = {**dict.fromkeys(_STRONG, 4), **dict.fromkeys(_MIDDLE, 2)}
_PLAIN_SHARE = 0.7  # of the drawn configurations whose steps before the model are those that suit the family best
# Seconds of a fit on one of the widest tables, beyond which a draw has to be no dearer than the family's dearest entry
# of the portfolio: what a search of minutes cannot afford is not worth most of the seconds of a round.
_DEAR = 1.5
_TRIES = 50
_ENOUGH = 25  # data sets after which a configuration may be given up
_HOPE = 0.05  # share of them on which it has to be among the better half
_WIDEST = (RICH_TABLES["binary"], RICH_TABLES["regression"])


def design(n_rounds: int, seed: int = 0) -> Iterator[list[Configuration]]:
    """Rounds of configurations: the hand-made portfolio, then draws from the joint space.

    Configurations are of a space with every kind of column; each table takes what applies to it
    (`pipelines.space.complete`). The draws of a round depend on the seed and the round alone. Those that take too long
    are left out; where all of a family do, one is drawn again until it does not.
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
            wide = [offered[i % len(offered)] for i in range(_A_ROUND.get(family, 1))]
            draws = [(_draw(space, family, rng), traits, space) for traits, space in wide]
            cheap = [draw for draw, traits, space in draws if not _is_dear(draw, traits, space)]
            # Its own generator, so that other families' draws stay what they were.
            drawn += cheap or _draw_cheap(*offered[0], family, np.random.default_rng((seed, number, place)))
        yield list(dict.fromkeys(drawn))


def dominated(results: Results) -> set[Configuration]:
    """Configurations that have lost nearly everywhere: not worth measuring on further data sets."""
    scores = results.scores
    quantile = np.full(scores.shape, np.nan)
    for i, row in enumerate(scores):
        known = np.isfinite(row)
        if known.sum() > 1:
            quantile[i, known] = (rankdata(-row[known]) - 1) / (known.sum() - 1)
    tried = np.isfinite(quantile).sum(axis=0)
    good = (quantile <= 0.5).sum(axis=0)
    hopeless = (tried >= _ENOUGH) & (good < _HOPE * tried)
    return {configuration for (_, configuration), lost in zip(results.configurations, hopeless, strict=True) if lost}


def _is_dear(configuration: Configuration, traits: TableTraits, space: ConfigurationSpace) -> bool:
    """Whether a fit takes longer than a memory for searches of minutes can use."""
    own = [Configuration(entry) for entry in PORTFOLIO if entry["model"] == configuration.family]
    known = [completed for entry in own if (completed := complete(space, entry)) is not None]
    bound = max([_DEAR, *(predicted_seconds(entry, traits) for entry in known)])
    return predicted_seconds(configuration, traits) > bound


def _draw_cheap(
    traits: TableTraits, space: ConfigurationSpace, family: str, rng: np.random.Generator
) -> list[Configuration]:
    """One configuration of a family that does not take too long; none where none is found."""
    for _ in range(_TRIES):
        drawn = _draw(space, family, rng)
        if not _is_dear(drawn, traits, space):
            return [drawn]
    return []


def _draw(space: ConfigurationSpace, family: str, rng: np.random.Generator) -> Configuration:
    """A configuration of one family; most of them with the family's usual steps before the model."""
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
