"""Pages of files in the Chromium that all tests share."""

import pytest

from tests.report.browser import opened_pages


@pytest.fixture
def open_file(browser):
    """Return a function that opens a page of a file; at the end it checks that nothing went wrong in the page."""
    with opened_pages(browser) as open_page:
        yield lambda path, width=1280, scheme="light": open_page(path.as_uri(), width, scheme)
