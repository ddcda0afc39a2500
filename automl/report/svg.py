"""Figures of matplotlib as SVG inside a page: texts stay texts, and colors become variables of the page's style."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colors that no figure would use by itself stand for the variables of the page.
COLORS = {
    "ink": "#010203",
    "muted": "#010204",
    "grid": "#010205",
    "surface": "#010206",
    **{f"c{i}": f"#01021{i}" for i in range(1, 7)},
}
INK, MUTED, GRID, SURFACE = (COLORS[name] for name in ("ink", "muted", "grid", "surface"))
SERIES = tuple(COLORS[f"c{i}"] for i in range(1, 7))
_WIDTH, _HEIGHT = 5.2, 3.6  # inches of 72 units
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "automl",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 10.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "lines.linewidth": 1.8,
    "figure.dpi": 72.0,
    "savefig.dpi": 72.0,
    "path.simplify_threshold": 0.3,
}
_IDS = re.compile(r'(\bid="|url\(#|href="#)')
_TAGS = re.compile(r"<[^>]*>")
_LONG_NUMBERS = re.compile(r"(\d+\.\d\d)\d+")


@dataclass(frozen=True)
class Point:
    """A place in a figure with a text that the page shows when the pointer is near; `x` and `y` are in its units."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Drawing:
    """A figure for a page.

    Attributes
    ----------
    inner : str
        The elements inside the element `svg`. They hold no text of the user.
    width, height : int
        Size in units of the figure.
    points : tuple of Point
    """

    inner: str
    width: int
    height: int
    points: tuple[Point, ...] = ()


def new_axes(height: float = _HEIGHT) -> tuple[Figure, Axes]:
    """Return an empty figure with one plot; call it inside `style`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def style() -> Any:
    """Return a context in which figures have the style of the page."""
    from matplotlib import rc_context

    settings: Any = _STYLE
    return rc_context(settings)


def draw(figure: Figure, name: str, points: Iterable[tuple[Axes, float, float, str]] = ()) -> Drawing:
    """Return a figure as elements of SVG.

    Parameters
    ----------
    name : str
        Start of all ids in the figure, so that the figures of a page do not share ids.
    points : iterable of (Axes, float, float, str)
        Places in the coordinates of a plot, and their texts.
    """
    buffer = io.StringIO()
    # Matplotlib warns of the number of ticks and of missing glyphs; the page has its own fonts.
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    inner = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    inner = re.sub(r"<metadata>.*?</metadata>", "", inner, flags=re.DOTALL)
    inner = re.sub(r"<style.*?</style>", "", inner, flags=re.DOTALL)
    inner = re.sub(r"<!--.*?-->", "", inner, flags=re.DOTALL)
    inner = inner.replace("xlink:href", "href")
    inner = _IDS.sub(lambda match: f"{match[1]}{name}-", inner)
    # Places need few digits, but the texts between the tags, such as labels of ticks, must stay as they are.
    inner = _TAGS.sub(lambda tag: _LONG_NUMBERS.sub(r"\1", tag[0]), inner)
    inner = re.sub(r">\s+<", "><", inner)
    inner = re.sub(r"\s*\n\s*", " ", inner).strip()
    for variable, color in COLORS.items():
        inner = inner.replace(color, f"var(--{variable})")
    width, height = (round(72 * inches) for inches in figure.get_size_inches())
    return Drawing(inner, width, height, tuple(_places(points, height)))


def _places(points: Iterable[tuple[Axes, float, float, str]], height: int) -> Sequence[Point]:
    found = []
    for axes, x, y, text in points:
        at = axes.transData.transform((x, y))
        found.append(Point(round(float(at[0]), 1), round(height - float(at[1]), 1), text))
    return found
