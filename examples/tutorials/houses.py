"""The table of house sales that a tutorial uses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def load_houses() -> pd.DataFrame:
    """Return 5,000 sales of houses, in the order of their dates.

    The file is a random sample of "House Sales in King County, USA", 21,613 sales between May 2014 and May 2015
    (kaggle.com/harlfoxem/housesalesprediction). The author gave it to the public domain (CC0).
    """
    return pd.read_csv(Path(__file__).with_name("house_sales.csv.gz"))
