"""The metrics of the server, in the format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from automl.serving.cells import LevelCounts

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_MAX_COLUMNS = 100  # category columns with numbers of their own; further columns share one
_OTHER_COLUMNS = "(other columns)"


@dataclass(eq=False)
class _Levels(Collector):
    """Numbers of cells with unseen levels, as counters and as shares since the start."""

    columns: frozenset[str]
    cells: dict[str, int] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)

    def add(self, counts: LevelCounts) -> None:
        for name, count in counts.cells.items():
            label = name if name in self.columns else _OTHER_COLUMNS
            self.cells[label] = self.cells.get(label, 0) + count
            self.unseen[label] = self.unseen.get(label, 0) + counts.unseen.get(name, 0)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the share of each column."""
        share = GaugeMetricFamily(
            "automl_unseen_level_share",
            "Share of the cells of a category column whose level was not in the training table, since the start.",
            labels=["column"],
        )
        for name, cells in list(self.cells.items()):
            if cells:
                share.add_metric([name], self.unseen[name] / cells)
        yield share


class ServerMetrics:
    """Counters and histograms of one server.

    Parameters
    ----------
    model : str
        Name of the model's class.
    columns : sequence of str
        Names of the category columns.
    """

    def __init__(self, model: str, columns: Sequence[str]):
        self._registry = CollectorRegistry()
        self._levels = _Levels(frozenset(columns[:_MAX_COLUMNS]))
        self._registry.register(self._levels)
        ProcessCollector(registry=self._registry)
        known = self._registry
        self._requests = Counter("automl_requests", "Requests.", ["path", "code"], registry=known)
        self._errors = Counter(
            "automl_errors", "Requests that ended with an error, by HTTP status.", ["code"], registry=known
        )
        self._seconds = Histogram(
            "automl_request_seconds", "Seconds for a request.", ["path"], buckets=_SECONDS, registry=known
        )
        self._predict_seconds = Histogram(
            "automl_predict_seconds", "Seconds for the predictions of a request.", buckets=_SECONDS, registry=known
        )
        self._rows = Counter("automl_rows", "Rows that were predicted.", registry=known)
        self._cells = Counter(
            "automl_level_cells", "Cells of category columns that hold a value.", ["column"], registry=known
        )
        self._unseen = Counter(
            "automl_unseen_level_cells", "Cells whose level was not in the training table.", ["column"], registry=known
        )
        self.running = Gauge("automl_requests_running", "Requests that run now.", registry=known)
        Gauge("automl_model", "The model, as a label.", ["model"], registry=known).labels(model).set(1)

    def add_request(self, path: str, code: int, seconds: float) -> None:
        """Count one request.

        Parameters
        ----------
        path : str
            Path of a route, or "other"; never text of the client, because each value takes memory.
        """
        self._requests.labels(path, code).inc()
        self._seconds.labels(path).observe(seconds)
        if code >= 400:
            self._errors.labels(code).inc()

    def add_predictions(self, n_rows: int, seconds: float, counts: LevelCounts) -> None:
        """Count the rows of one request and the levels in them; call it in one thread only."""
        self._rows.inc(n_rows)
        self._predict_seconds.observe(seconds)
        self._levels.add(counts)
        for name, cells in counts.cells.items():
            label = name if name in self._levels.columns else _OTHER_COLUMNS
            self._cells.labels(label).inc(cells)
            self._unseen.labels(label).inc(counts.unseen.get(name, 0))

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
