"""Small tables for reports, and a reader of pages."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd

VOID = {"meta", "link", "input", "br", "img", "hr"}
HOSTILE = ["<script>alert(1)</script>", "</script><script>alert(2)//", 'x" onload="alert(3)', "{{ 7 * 7 }}", "العمود"]


class Page(HTMLParser):
    """The elements of a page; an element that is not closed in order is an error."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.texts = [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, *tags):
        return " ".join(" ".join(" ".join(self.texts.get(tag, [])).split()) for tag in tags)


def people(n_rows=120, seed=0):
    """Return a table with numbers, categories, dates and missing cells, and a target of two classes."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, n_rows).astype(float)
    city = rng.choice(["Rome", "Oslo", "Lima"], n_rows)
    income = rng.normal(40, 10, n_rows) + (city == "Oslo") * 15
    y = np.where(income + 0.2 * age + rng.normal(0, 6, n_rows) > 55, "buys", "leaves")
    age[::7] = np.nan
    table = pd.DataFrame(
        {
            "age": age,
            "city": city,
            "income": income,
            "since": pd.date_range("2020-01-01", periods=n_rows, freq="5D"),
            "same": 1,
        }
    )
    return table, pd.Series(y, name="answer")
