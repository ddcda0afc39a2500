"""The page docs/serving.md names the options, paths, statuses and metrics that exist."""

import re
from pathlib import Path

import typer.main

from automl.cli.main import app

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE)[1]


def test_every_option_of_the_command_is_on_the_page():
    command = typer.main.get_command(app).commands["serve"]
    options = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    assert set(re.findall(r"`(--[a-z-]+)`", section("Options").split("\n\n")[0])) == options - {"--help"}


def test_the_page_lists_the_paths_and_statuses_of_the_description(client):
    description = client.get("/openapi.json").json()
    rows = re.findall(r"^\| (`/.*?) \|", section("Paths"), flags=re.MULTILINE)
    assert {path for row in rows for path in re.findall(r"`(.*?)`", row)} == {*description["paths"], "/openapi.json"}
    statuses = set(re.findall(r"^\| (\d+) \|", section("Statuses"), flags=re.MULTILINE))
    assert statuses == set(description["paths"]["/predict"]["post"]["responses"]) - {"200"}


def test_every_metric_of_the_page_exists(client):
    client.post("/predict", content="{", headers={"Content-Type": "application/json"})
    text = client.get("/metrics").text
    names = re.findall(r"^\| `(automl_\w+)` \|", section("Metrics"), flags=re.MULTILINE)
    assert len(names) >= 9
    assert [name for name in names if f"# HELP {name} " not in text] == []
