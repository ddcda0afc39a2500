"""Pages in a headless Chromium: what goes wrong in them, and what axe-core finds."""

import shutil

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


def watch(page, problems):
    """Append to the list what goes wrong in a page: errors, dialogs, and requests beyond the files of this machine."""
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.on("request", lambda request: None if request.url.startswith(_ALLOWED) else problems.append(request.url))


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
