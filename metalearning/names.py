"""Lists of the names of meta-features, each for a purpose."""

from __future__ import annotations

from metalearning import characteristics, landmarks

CHEAP = (
    *characteristics.SIMPLE,
    *characteristics.STATISTICAL,
    *characteristics.INFORMATION,
    *characteristics.TARGET,
)
ALL = (*CHEAP, *landmarks.CLASSIFICATION, *landmarks.REGRESSION)
OWN = tuple(name for name in ALL if name.startswith(("Target", "Ridge")) or name.endswith("RRSE"))
# What may be mixed with OpenML's values: `landmarks` says why the other landmarks may not.
COMPARABLE = tuple(
    name
    for name in ALL
    if name not in OWN
    and (name not in landmarks.CLASSIFICATION or name.startswith(("kNN1N", "NaiveBayes", "DecisionStump")))
)
# What says something of the problem: not the order of the rows, not the units in which columns are measured.
VECTOR = tuple(
    name for name in ALL if name != "AutoCorrelation" and not name.endswith(("MeansOfNumericAtts", "DevOfNumericAtts"))
)
