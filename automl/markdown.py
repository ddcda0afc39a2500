"""Texts of the user in Markdown: names of columns and classes may hold signs that Markdown or HTML take for markup."""

from __future__ import annotations

import re
from typing import Any


def markdown_text(text: Any) -> str:
    """Return a text in which Markdown and HTML see no markup.

    Examples
    --------
    >>> print(markdown_text("a|b <script>"))
    a\\|b &lt;script&gt;
    """
    escaped = "".join(f"\\{c}" if c in "\\`*_[]|#" else c for c in str(text))
    return " ".join(escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())


def code_span(text: Any) -> str:
    """Return a text in one line as code inside a line or a table, whatever backticks it holds.

    Examples
    --------
    >>> print(code_span("a|b"), code_span("a`b"))
    `a\\|b` ``a`b``
    """
    line = " ".join(str(text).replace("|", "\\|").split())
    ticks = "`" * (_longest_run(line) + 1)
    blank = " " if line[:1] == "`" or line[-1:] == "`" else ""
    return f"{ticks}{blank}{line}{blank}{ticks}"


def code_block(code: str, language: str) -> str:
    """Return a block of code between fences that no backticks of the code can end.

    Examples
    --------
    >>> print(code_block("print(1)", "python"))
    ```python
    print(1)
    ```
    """
    fence = "`" * max(3, _longest_run(code) + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
