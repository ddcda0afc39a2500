"""Lists of the names of meta-features, one for each purpose."""

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
# Names whose values are comparable with OpenML's; `landmarks` explains why the other landmarks are not.
COMPARABLE = tuple(
    name
    for name in ALL
    if name not in OWN
    and (name not in landmarks.CLASSIFICATION or name.startswith(("kNN1N", "NaiveBayes", "DecisionStump")))
)
# Names that describe the problem, and not the order of the rows or the units of the columns.
VECTOR = tuple(
    name for name in ALL if name != "AutoCorrelation" and not name.endswith(("MeansOfNumericAtts", "DevOfNumericAtts"))
)
