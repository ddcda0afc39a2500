"""Descriptions of the columns of a table."""

import pandas as pd
import pytest

from pipelines.table.reader import TableReader
from pipelines.table.summary import summarize


@pytest.mark.parametrize(
    ("start", "first"), [("2019-01-03", "2019-01-03"), ("2019-01-03 08:30", "2019-01-03 08:30:00")]
)
def test_the_first_date_of_days_has_no_time_at_midnight(start, first):
    table = pd.DataFrame({"day": pd.date_range(start, periods=50), "x": [i % 7.5 for i in range(50)]})
    summary = summarize(TableReader().fit(table).columns_)
    assert summary["treatment"][0].endswith(f"days since {first}")
