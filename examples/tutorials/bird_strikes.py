"""The table of bird strikes that a tutorial uses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

NAMES = {
    "Flight Date": "date",
    "Time of day": "time_of_day",
    "Airport Name": "airport",
    "Origin State": "state",
    "Aircraft Airline Operator": "operator",
    "Aircraft Make Model": "aircraft",
    "Phase of flight": "phase",
    "Speed IAS in knots": "speed",
    "Wildlife Species": "species",
    "Wildlife Size": "size",
    "Effect Amount of damage": "damage",
    "Cost Total $": "cost",
}


def load_strikes() -> pd.DataFrame:
    """Return 10,000 collisions of aircraft with birds and other animals, in the order of their dates.

    The file is ``birdstrikes.csv`` of the npm package vega-datasets 3.2.1: reports of 1990 to 2002 from the Wildlife
    Strike Database (wildlife.faa.gov) of the Federal Aviation Administration. It is a work of the government of the
    United States, and in the public domain.
    """
    table = pd.read_csv(Path(__file__).with_name("bird_strikes.csv.gz"))
    return table[list(NAMES)].rename(columns=NAMES).sort_values("date", kind="stable", ignore_index=True)
