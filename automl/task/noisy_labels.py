"""The argument `noisy_labels` of the estimators: a search space that also holds what helps against wrong labels."""

from __future__ import annotations

from dataclasses import replace

from pipelines.component import TableTraits

# Losses of regression for which a wrong number counts with its distance, and not with the square of it.
_ROBUST_LOSSES = ("huber", "absolute_error")


def with_noise(traits: TableTraits, noisy_labels: bool) -> TableTraits:
    """Return the traits of a table whose labels are noisy, if the user says so.

    Classification then gets the step cleaning, and networks get robust losses. Regression may be trained with robust
    losses whatever the metric is, except for monotonic columns, quantiles and several targets, whose loss is fixed.
    """
    if not noisy_labels:
        return traits
    if traits.is_classification or traits.monotonic or traits.quantiles or traits.targets is not None:
        return replace(traits, noisy_labels=True)
    losses = tuple(dict.fromkeys((*traits.losses, *_ROBUST_LOSSES)))
    return replace(traits, noisy_labels=True, losses=losses)
