"""The page in a real browser: nothing overflows, no request leaves it, axe-core accepts it, its controls work."""

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLClassifier, AutoMLRegressor
from tests.factories import FAST
from tests.report.browser import overflow, violations
from tests.report.pages import HOSTILE, people

pytestmark = pytest.mark.slow

SETTINGS = FAST | {"max_trials": 12}


def wide_table():
    """Return a hostile table: 2,000 columns, 300 classes, scripts and Arabic as names, missing cells."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(900, 2_000)), columns=[*HOSTILE, *(f"column {i}" for i in range(1_995))])
    X = X.mask(rng.random(X.shape) < 0.1)
    labels = [*HOSTILE, *(f"class {i}" for i in range(295))]
    y = pd.Series([labels[i % 300] for i in range(900)], name=HOSTILE[0])
    X.iloc[:, 7] = np.arange(900) % 300
    return X, y


def numbers():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 4)), columns=["a", "b", "c", "d"])
    return X, 3 * X["a"] + rng.normal(0, 0.5, 200)


def three_classes():
    X, y = people(150)
    return X, y.where(X["income"] < 45, "waits")


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Return the pages of four tables by name."""
    folder = tmp_path_factory.mktemp("reports")
    settings = SETTINGS | {"max_trials": 1, "include": ["decision_tree"]}
    estimators = {
        "binary": (AutoMLClassifier(**SETTINGS), people(300)),
        "multiclass": (AutoMLClassifier(**SETTINGS), three_classes()),
        "regression": (AutoMLRegressor(**SETTINGS), numbers()),
        "hostile": (AutoMLClassifier(**settings), wide_table()),
    }
    paths = {}
    for name, (estimator, (X, y)) in estimators.items():
        paths[name] = folder / f"{name}.html"
        estimator.fit(X, y).report(paths[name], test=(X[:100], y[:100]))
    return paths


def test_a_page_of_two_thousand_columns_and_three_hundred_classes_stays_small(reports):
    sizes = {name: path.stat().st_size for name, path in reports.items()}
    assert sizes.pop("hostile") < 3_000_000
    assert max(sizes.values()) < 1_000_000


@pytest.fixture
def open_page(open_file, reports):
    """Return a function that opens a report by its name."""
    return lambda name, width=1280, scheme="light": open_file(reports[name], width, scheme)


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["binary", "multiclass", "regression", "hostile"])
def test_nothing_overflows(open_page, name, width, scheme):
    assert overflow(open_page(name, width, scheme)) == []


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["binary", "multiclass", "regression", "hostile"])
def test_axe_finds_no_serious_violation(open_page, name, width, scheme):
    assert violations(open_page(name, width, scheme)) == []


def test_a_table_sorts_by_numbers_and_texts(open_page):
    page = open_page("binary")
    cells = "[...document.querySelectorAll('#columns tbody tr')].map(row => row.cells[%d].%s)"
    page.click("#columns thead button.sort >> text=missing")
    missing = [float(value or "nan") for value in page.evaluate(cells % (2, "dataset.v"))]
    known = [value for value in missing if value == value]
    assert known == sorted(known, reverse=True)
    assert known[0] > 0
    assert page.get_attribute("#columns thead th:nth-child(3)", "aria-sort") == "descending"
    page.focus("#columns thead button.sort >> nth=0")
    page.keyboard.press("Enter")
    names = page.evaluate(cells % (0, "textContent"))
    assert names == sorted(names)


def test_the_slider_moves_the_confusion_matrix_and_the_cost(open_page):
    page = open_page("binary")
    card = page.locator(".threshold").first
    before = card.locator("[data-count=tp]").inner_text()
    card.locator("input[type=range]").focus()
    for _ in range(45):
        page.keyboard.press("ArrowRight")
    assert card.locator("[data-count=tp]").inner_text() != before
    card.locator(".cost-fn").fill("1000")
    card.locator(".cheapest").click()
    assert card.locator("[data-count=fn]").inner_text() == "0"
    assert "recall 100.0 %" in card.locator(".rates").inner_text()


def test_brushing_keeps_the_lines_that_cross_the_mark(open_page):
    page = open_page("binary")
    page.locator("#parallel").scroll_into_view_if_needed()
    box = page.locator("svg.parallel .axis >> nth=-1").locator(".hit").bounding_box()
    n_lines = page.locator("svg.parallel .run").count()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    page.mouse.up()
    kept = n_lines - page.locator("svg.parallel .run.off").count()
    assert 0 < kept < n_lines
    assert page.inner_text("#parallel-count") == f"{kept} of {n_lines} configurations"
    page.click("#parallel-clear")
    assert page.locator("svg.parallel .run.off").count() == 0
    page.locator("svg.parallel .axis >> nth=-1").focus()
    page.keyboard.press("ArrowUp")
    assert page.locator("svg.parallel .run.off").count() > 0
    page.keyboard.press("Escape")
    assert page.locator("svg.parallel .run.off").count() == 0


def test_the_pointer_near_a_point_shows_its_text(open_page):
    page = open_page("regression")
    figure = page.locator("svg.plot").first
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    x, y, text = page.evaluate("JSON.parse(document.querySelector('svg.plot').dataset.points)[0]")
    width = float(figure.get_attribute("viewBox").split()[2])
    page.mouse.move(box["x"] + x * box["width"] / width, box["y"] + y * box["width"] / width)
    assert page.locator("#tip").is_visible()
    assert page.inner_text("#tip").startswith("true")
    assert text.startswith("true")


def test_hostile_names_run_nothing_and_are_filtered_by_text(open_page):
    page = open_page("hostile")
    page.fill("input[type=search]", "<script>")
    rows = page.locator("#columns tbody tr:not([hidden]) th")
    assert sorted(rows.all_inner_texts()) == sorted(HOSTILE[:2])


def test_the_button_changes_between_light_and_dark(open_page):
    page = open_page("binary")
    color = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(color)
    page.click("#theme")
    assert page.evaluate(color) != before


def test_a_copy_of_the_page_holds_the_notes_of_people(open_page, tmp_path):
    page = open_page("binary")
    page.fill(".notes textarea >> nth=0", "Letters to <customers> only")
    with page.expect_download() as download:
        page.click("#save-notes")
    download.value.save_as(tmp_path / "copy.html")
    page.goto((tmp_path / "copy.html").as_uri())
    assert page.input_value(".notes textarea >> nth=0") == "Letters to <customers> only"
    assert page.locator("svg.parallel .run").count() > 0


@pytest.mark.parametrize("name", ["binary", "regression"])
def test_paper_is_white_and_shows_all_tables_in_its_width(open_page, name):
    page = open_page(name, width=720, scheme="dark")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 31, 36)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert page.locator("details:not([open])").count() == 0
