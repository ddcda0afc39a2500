"""A headless Chromium for the tests of pages."""

import importlib
import os

import pytest

from tests.report.browser import BROWSER, FLAGS, watch


@pytest.fixture(scope="session")
def browser():
    """A running Chromium. Without it or its libraries the tests are skipped, but fail if CI=true."""
    reason = None if BROWSER else "there is no Chromium: apt-get install chromium"
    for library in ("playwright.sync_api", "axe_playwright_python.sync_playwright"):
        try:
            importlib.import_module(library)
        except ImportError as error:
            reason = f"{error}: pip install 'cash-automl[browser]'"
    if reason is not None:
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_file(browser):
    """Return a function that opens a page of a file; at the end it checks that nothing went wrong in the page."""
    problems, contexts = [], []

    def open_page(path, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        watch(page, problems)
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
