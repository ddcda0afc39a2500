"""What a report may use of a fitted estimator: all that both estimators offer for it."""

from __future__ import annotations

from automl.fitted.attributes import FittedAttributes
from automl.fitted.costs import Costs
from automl.fitted.intervals import Coverage
from automl.fitted.score_over_time import SearchGains
from automl.fitted.several_targets import SeveralTargets


class ReportedModel(FittedAttributes, SearchGains, Costs, SeveralTargets, Coverage):
    """A fitted estimator with the attributes that a report shows."""
