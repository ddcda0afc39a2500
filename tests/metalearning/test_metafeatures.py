"""Vectors of meta-features: free of scale, without NaN, and fixed by the data sets that they were fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from metalearning.features import ALL
from metalearning.metafeatures import MetaFeatures, Scaling
from metalearning.similarity import compare

NAMES = ("NumberOfInstances", "PercentageOfMissingValues", "MaxSkewnessOfNumericAtts", "kNN1NAUC", "RidgeRRSE")
SETS = [
    MetaFeatures({"NumberOfInstances": 10.0**i, "PercentageOfMissingValues": 10.0 * i, "kNN1NAUC": 0.5 + i / 20})
    for i in range(2, 7)
]


def test_each_kind_of_value_has_its_transformation():
    described = MetaFeatures(
        {
            "NumberOfInstances": 99.0,
            "Dimensionality": np.e,
            "PercentageOfMissingValues": 25.0,
            "MinSkewnessOfNumericAtts": -(np.e - 1),
            "ClassEntropy": 1.5,
            "RidgeRRSE": 7.0,
        }
    )
    found = described.to_vector([*described.values, "kNN1NAUC", "NumberOfClasses"])
    np.testing.assert_allclose(found, [np.log(100), 1, 0.25, -1, 1.5, 2, np.nan, np.nan])


def test_vectors_have_no_nan_and_say_what_is_known():
    scaling = Scaling.fit(SETS, NAMES)
    found = scaling.transform(MetaFeatures({"NumberOfInstances": 10.0**4}))
    np.testing.assert_allclose(found, np.zeros(len(NAMES)), atol=1e-12)
    assert scaling.known(SETS[0]).tolist() == [True, True, False, True, False]


def test_distances_are_robust_deviations_from_the_median_of_the_data_sets():
    scaling = Scaling.fit(SETS, NAMES)
    vectors = np.array([scaling.transform(one) for one in SETS])
    np.testing.assert_allclose(np.median(vectors, axis=0), 0, atol=1e-12)
    quartiles = np.percentile(vectors[:, 1], (25, 75))
    np.testing.assert_allclose(quartiles, [-1.349 / 2, 1.349 / 2])


def test_what_is_unusual_in_both_makes_data_sets_alike():
    names = ["NumberOfInstances", "NumberOfClasses", "ClassEntropy"]

    def named(*values):
        return MetaFeatures(dict(zip(names, values, strict=True)))

    usual = [named(100.0 + i, 2.0 + i % 2, 0.5 + 0.01 * i) for i in range(9)]
    odd = named(104.0, 20.0, 0.55)
    similarities = compare(named(104.0, 20.0, 0.9), [*usual, odd], names)
    assert min(similarities, key=lambda one: one.distance) == similarities[-1]
    assert similarities[-1].similar_in[0] == "NumberOfClasses"
    assert similarities[-1].different_in[0] == "ClassEntropy"


def test_data_sets_without_a_common_meta_feature_are_infinitely_far():
    (found,) = compare(MetaFeatures({"ClassEntropy": 1.0}), [MetaFeatures({"NumberOfClasses": 2.0})], NAMES)
    assert found.distance == np.inf


def test_one_odd_value_is_bounded():
    found = Scaling.fit(SETS, NAMES).transform(MetaFeatures({"PercentageOfMissingValues": 1e9}))
    assert np.abs(found).max() == 3


def test_a_name_that_does_not_vary_cannot_blow_up():
    same = [MetaFeatures({"PercentageOfMissingValues": 0.0})] * 3
    scaling = Scaling.fit(same, ["PercentageOfMissingValues"])
    assert scaling.transform(MetaFeatures({"PercentageOfMissingValues": 50.0})) == pytest.approx(0.5)


def test_all_names_can_be_in_a_vector():
    described = MetaFeatures(dict.fromkeys(ALL, 0.5))
    assert np.isfinite(Scaling.fit([described], ALL).transform(described)).all()


def test_without_data_sets_there_is_no_scaling():
    with pytest.raises(ValueError, match="at least one"):
        Scaling.fit([], NAMES)
