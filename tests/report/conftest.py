"""Pages of files in the Chromium that all tests share."""

import pytest

from tests.report.browser import watch


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
