"""One report in a real browser; the slow tests look at more tables, widths and controls."""

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
