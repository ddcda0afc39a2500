"""One report in a real browser; the slow tests look at more tables, widths and controls."""

import numpy as np
import pytest

from automl import AutoMLClassifier
from tests.factories import FAST
from tests.report.browser import violations
from tests.report.pages import people


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    AutoMLClassifier(**FAST | {"max_trials": 3}).fit(*people()).report(path)
    return path


def test_a_report_works_in_a_browser_and_asks_nothing_of_the_network(open_file, report):
    page = open_file(report, width=800)
    page.click("#columns thead button.sort >> text=missing")
    shares = page.evaluate(
        "[...document.querySelectorAll('#columns tbody td[data-v]:nth-child(3)')].map(c => c.dataset.v)"
    )
    known = [float(share) for share in shares if share]
    assert known == sorted(known, reverse=True)

    card = page.locator(".threshold").first
    before = card.locator("[data-count=tp]").inner_text()
    card.locator("input[type=range]").fill("100")
    assert card.locator("[data-count=tp]").inner_text() != before

    axis = page.locator("svg.parallel .axis >> nth=-1")
    axis.focus()
    page.keyboard.press("ArrowUp")
    n_lines, n_off = (page.locator(f"svg.parallel .run{kind}").count() for kind in ("", ".off"))
    assert 0 < n_off < n_lines
    assert page.inner_text("#parallel-count") == f"{n_lines - n_off} of {n_lines} configurations"

    assert violations(page) == []


_BROKEN_WORDS = """selector => [...document.querySelectorAll(selector)].flatMap(name => {
  const text = name.firstChild;
  return text === null ? [] : [...text.data.matchAll(/\\S+/g)].filter(word => {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    return range.getClientRects().length > 1;
  }).map(word => word[0]);
})"""


@pytest.mark.slow
def test_names_of_classes_do_not_break_inside_words_and_all_columns_are_seen(open_file, tmp_path):
    kinds = ["depression", "storm", "wave"]
    names = [
        "disturbance",
        "extratropical",
        "hurricane",
        *(f"{a} {b}" for a in ("tropical", "subtropical") for b in kinds),
    ]
    X = np.random.default_rng(0).normal(size=(120, 2))
    clf = AutoMLClassifier(**FAST | {"max_trials": 1, "include": ["decision_tree"]})
    clf.fit(X, [names[i % 9] for i in range(120)]).report(tmp_path / "report.html")
    page = open_file(tmp_path / "report.html")
    tables = "table.classes, table.confusion"
    assert page.locator(tables).count() == 2
    for table in page.locator(tables).all():
        assert table.evaluate("t => t.scrollWidth <= t.closest('.scroll').clientWidth")
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(_BROKEN_WORDS, "table.classes .name, table.confusion .name") == []
