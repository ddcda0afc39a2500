"""Pages in a headless Chromium: what goes wrong in them, and what axe-core finds."""

import shutil
from contextlib import contextmanager

BROWSER = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
# Containers often run as root, have no graphics card and a small /dev/shm; a test asks nothing of the network.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_ALLOWED = ("file:", "data:", "blob:")


@contextmanager
def opened_pages(browser, *allowed):
    """A function that opens an address; at the end, no page may have had an error or a request that is not allowed."""
    problems, contexts = [], []

    def open_page(address, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        watch(page, problems, allowed)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def watch(page, problems, allowed=()):
    """Append to the list what goes wrong in a page: errors, dialogs, and requests to servers that are not allowed."""
    allowed = _ALLOWED + tuple(allowed)
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.on("request", lambda request: None if request.url.startswith(allowed) else problems.append(request.url))


def overflow(page):
    """Return the elements of a page that reach beyond its right edge, except those in a part that scrolls."""
    found = page.evaluate(
        """() => [...document.querySelectorAll('main *')].filter(e => {
            const box = e.getBoundingClientRect();
            return box.right > innerWidth + 1 && !e.closest('.scroll') && box.width > 0;
        }).map(e => e.outerHTML.slice(0, 100))"""
    )
    is_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return found or (["the page is wider than the window"] if is_wide else [])


def violations(page):
    """Return the serious and critical violations that axe-core finds in a page, with all its details open."""
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        (rule["id"], rule["help"], node["html"][:200], node.get("failureSummary", "")[:300])
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"][:5]
    ]
