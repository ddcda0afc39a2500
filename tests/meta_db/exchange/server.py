"""A small server that speaks OpenML's REST over real HTTP, for the unmodified client."""

from __future__ import annotations

import gzip
import json
import re
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from xml.sax.saxutils import escape

import arff
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import KFold

NAMESPACE = 'xmlns:oml="http://openml.org/openml"'
N_FOLDS = 3


def element(name, *content, attributes=""):
    """Return the element ``<oml:name>``; texts and numbers in it are escaped, other elements are not."""
    inner = "".join(str(c) if isinstance(c, Markup) else escape(str(c)) for c in content)
    return Markup(f"<oml:{name}{' ' if attributes else ''}{attributes}>{inner}</oml:{name}>")


class Markup(str):
    """A text that is already XML."""


@dataclass
class Run:
    """A run that the server lists; several numbers of a measure are the values of its folds."""

    number: int
    task: int
    setup: int
    flow_name: str
    measures: dict


@dataclass
class Table:
    """A data set with a target ``class`` (or ``y``) and one nominal column with missing cells."""

    number: int
    name: str
    frame: pd.DataFrame
    target: str
    nominal: dict
    parquet: bool = False

    def arff(self):
        kinds = [(c, self.nominal.get(c, "REAL")) for c in self.frame.columns]
        cells = self.frame.astype(object).where(self.frame.notna(), None).to_numpy().tolist()
        return arff.dumps({"relation": self.name, "attributes": kinds, "data": cells}).encode()

    def folds(self):
        return list(KFold(N_FOLDS, shuffle=True, random_state=0).split(self.frame))

    def splits(self):
        rows = [
            [kind, int(row), 0, fold]
            for fold, parts in enumerate(self.folds())
            for kind, part in zip(("TRAIN", "TEST"), parts, strict=True)
            for row in part
        ]
        kinds = [("type", ["TRAIN", "TEST"]), ("rowid", "NUMERIC"), ("repeat", "NUMERIC"), ("fold", "NUMERIC")]
        return arff.dumps({"relation": "splits", "attributes": kinds, "data": rows}).encode()


def breast(number=5, parquet=False):
    frame = load_breast_cancer(as_frame=True).data.iloc[:90, :5]
    size = pd.cut(frame["mean area"], 5, labels=["xs", "s", "m", "l", "xl"]).astype(object)
    frame = frame.assign(size=size.mask(np.arange(90) % 10 == 0, np.nan))
    frame["class"] = np.where(load_breast_cancer().target[:90] == 1, "benign", "malignant")
    nominal = {"size": ["xs", "s", "m", "l", "xl"], "class": ["benign", "malignant"]}
    return Table(number, "breast", frame, "class", nominal, parquet)


def diabetes(number=6):
    frame = load_diabetes(as_frame=True).frame.iloc[:80].rename(columns={"target": "y"})
    return Table(number, "diabetes", frame, "y", {})


@dataclass
class OpenMLServer:
    """A server of tables; the task of a table has ten times its number, and suite 99 holds all tasks.

    Attributes
    ----------
    runs : list of Run
    setups : dict of int to (int, dict)
        Parameters by class, values as Python objects.
    faults : dict of str to (str or int)
        By a part of the address: "hang", "malformed", or a status.
    asked : list of str
        Addresses, as they came.
    received : dict of str to list
        Uploaded files by name, as text.
    """

    tables: list
    runs: list = field(default_factory=list)
    setups: dict = field(default_factory=dict)
    faults: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    received: dict = field(default_factory=dict)

    def __enter__(self):
        self._closing = threading.Event()
        self._flow = None
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(self))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.root = f"http://127.0.0.1:{self._http.server_port}"
        self.address = f"{self.root}/api/v1/xml"
        return self

    def __exit__(self, *error):
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    def count(self, part):
        return sum(part in path for path in self.asked)

    def answer(self, method, path, body):
        """Return status, content and type of an answer."""
        self.asked.append(path)
        fault = next((fault for part, fault in self.faults.items() if part in path), None)
        if fault == "hang":
            self._closing.wait(30)
        if isinstance(fault, int):
            return fault, b"<html>out of order", "text/html"
        found = self._post(path, body) if method == "POST" else self._get(path)
        if found is None:
            error = element("error", element("code", 372), element("message", "No results"), attributes=NAMESPACE)
            return 412, error.encode(), "text/xml"
        content = found if isinstance(found, bytes) else found.encode()
        if fault == "malformed":
            content = content[: len(content) // 2]
        return 200, content, "application/octet-stream" if path.endswith(".pq") else "text/xml"

    def _get(self, path):
        if file := re.fullmatch(r"/(download|bucket|splits)/(\d+)\.\w+", path):
            table = self._table(int(file[2]))
            if file[1] == "bucket":
                buffer = BytesIO()
                table.frame.astype(dict.fromkeys(table.nominal, "category")).to_parquet(buffer)
                return buffer.getvalue()
            return table.arff() if file[1] == "download" else table.splits()
        words = path.removeprefix("/api/v1/xml/").strip("/").split("/")
        if words[:2] in (["evaluation", "list"], ["setup", "list"], ["task", "list"]):
            filters = dict(zip(words[2::2], words[3::2], strict=True))
            return {"evaluation": self._evaluations, "setup": self._setups, "task": self._tasks}[words[0]](filters)
        if words[0] == "user":
            user = element("user", element("id", 1), element("username", "someone"))
            return element("users", user, attributes=NAMESPACE)
        if words[0] == "estimationprocedure":
            kinds = [{"id": i, "ttid": i, "name": "3-fold", "type": "crossvalidation"} for i in (1, 2)]
            items = [element("estimationprocedure", *(element(k, v) for k, v in kind.items())) for kind in kinds]
            return element("estimationprocedures", *items, attributes=NAMESPACE)
        makers = {"study": self._study, "task": self._task, "data": self._data, "flow": lambda _: self._flow}
        return makers[words[0]](words[1:])

    def _table(self, number):
        return next(table for table in self.tables if table.number == number)

    def _study(self, words):
        tasks = element("tasks", *(element("task_id", 10 * table.number) for table in self.tables))
        values = {"id": 99, "main_entity_type": "task", "name": "all", "description": "all", "status": "active"}
        values |= {"creation_date": "2020-01-01", "creator": 1}
        return element("study", *(element(k, v) for k, v in values.items()), tasks, attributes=NAMESPACE)

    def _task(self, words):
        table = self._table(int(words[0]) // 10)
        kind = 1 if table.target in table.nominal else 2
        data = element("data_set", element("data_set_id", table.number), element("target_feature", table.target))
        procedure = element(
            "estimation_procedure",
            element("id", 1),
            element("type", "crossvalidation"),
            element("data_splits_url", f"{self.root}/splits/{table.number}.arff"),
            element("parameter", 1, attributes='name="number_repeats"'),
            element("parameter", N_FOLDS, attributes='name="number_folds"'),
        )
        return element(
            "task",
            element("task_id", words[0]),
            element("task_type_id", kind),
            element("task_type", "Supervised Classification" if kind == 1 else "Supervised Regression"),
            element("input", data, attributes='name="source_data"'),
            element("input", procedure, attributes='name="estimation_procedure"'),
            attributes=NAMESPACE,
        )

    def _tasks(self, filters):
        chosen = [table for table in self.tables if str(table.number) == filters["data_id"]]
        items = []
        for table in chosen:
            kind = 1 if table.target in table.nominal else 2
            values = {"task_id": 10 * table.number, "task_type_id": kind, "did": table.number, "name": table.name}
            values |= {"task_type": "supervised", "status": "active"}
            items.append(element("task", *(element(k, v) for k, v in values.items())))
        return element("tasks", *items, attributes=NAMESPACE) if items else None

    def _data(self, words):
        table = self._table(int(words[-1]))
        if words[0] == "features":
            return element("data_features", *self._features(table), attributes=NAMESPACE)
        if words[0] == "qualities":
            values = {"NumberOfInstances": len(table.frame), "NumberOfFeatures": table.frame.shape[1], "Odd": "NaN"}
            items = (element("quality", element("name", k), element("value", v)) for k, v in values.items())
            return element("data_qualities", *items, attributes=NAMESPACE)
        values = {"id": table.number, "name": table.name, "version": 1, "description": "a table", "format": "ARFF"}
        values |= {"url": f"{self.root}/download/{table.number}.arff", "default_target_attribute": table.target}
        values["md5_checksum"] = md5(table.arff()).hexdigest()
        if table.parquet:
            values["parquet_url"] = f"{self.root}/bucket/{table.number}.pq"
        items = (element(k, v) for k, v in values.items())
        return element("data_set_description", *items, attributes=NAMESPACE)

    def _features(self, table):
        for i, column in enumerate(table.frame.columns):
            levels = table.nominal.get(column, [])
            yield element(
                "feature",
                element("index", i),
                element("name", column),
                element("data_type", "nominal" if levels else "numeric"),
                *(element("nominal_value", level) for level in levels),
                element("number_of_missing_values", int(table.frame[column].isna().sum())),
            )

    def _evaluations(self, filters):
        measure, per_fold = filters["function"], filters.get("per_fold") == "true"
        chosen = [run for run in self.runs if str(run.task) == filters["task"] and measure in run.measures]
        if "run" in filters:
            chosen = [run for run in chosen if str(run.number) in filters["run"].split(",")]
        start = int(filters["offset"])
        items = []
        for run in chosen[start : start + int(filters["limit"])]:
            values = np.atleast_1d(run.measures[measure]).tolist()
            shown = element("values", json.dumps(values)) if per_fold else element("value", np.mean(values))
            about = {"run_id": run.number, "task_id": run.task, "setup_id": run.setup, "flow_id": 1, "uploader": 1}
            about |= {"flow_name": run.flow_name, "data_id": run.task // 10, "data_name": "d", "function": measure}
            about["upload_time"] = "2020-01-01"
            items.append(element("evaluation", *(element(k, v) for k, v in about.items()), shown))
        return element("evaluations", *items, attributes=NAMESPACE) if items else None

    def _setups(self, filters):
        items = []
        for number in filters["setup"].split(","):
            given = [(c, k, v) for c, values in self.setups[int(number)].items() for k, v in values.items()]
            parameters = []
            for i, (class_name, name, value) in enumerate(given):
                about = {"id": i + 1, "flow_id": 1, "flow_name": class_name, "full_name": f"{class_name}_{name}"}
                about |= {"parameter_name": name, "data_type": "x", "default_value": "", "value": json.dumps(value)}
                parameters.append(element("parameter", *(element(k, v) for k, v in about.items())))
            items.append(element("setup", element("setup_id", number), element("flow_id", 1), *parameters))
        return element("setups", *items, attributes=NAMESPACE)

    def _post(self, path, body):
        for part in message_from_bytes(body).get_payload() if b"multipart/form-data" in body[:200] else []:
            name = part.get_param("filename", header="content-disposition")
            if name:
                self.received.setdefault(name, []).append(part.get_payload(decode=True).decode())
        if path.endswith("/flow/exists"):
            return element("flow_exists", element("exists", "false"), element("id", -1), attributes=NAMESPACE)
        if path.endswith("/flow/"):
            own = "<oml:id>7</oml:id><oml:uploader>1</oml:uploader><oml:version>1</oml:version>"
            own += "<oml:upload_date>2020-01-01T00:00:00</oml:upload_date>"
            (sent,) = self.received["description"]
            self._flow = re.sub(r"(<oml:flow [^>]*>)", lambda found: found[1] + own, sent, count=1)
            return element("upload_flow", element("id", 7), attributes=NAMESPACE)
        return element("upload_run", element("run_id", 321), attributes=NAMESPACE)


def make_handler(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self._send("GET")

        def do_HEAD(self):
            self._send("HEAD")

        def do_POST(self):
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            kind = self.headers["Content-Type"]
            self._send("POST", f"Content-Type: {kind}\r\n\r\n".encode() + sent)

        def _send(self, method, body=b""):
            status, content, kind = server.answer(method, self.path.split("?")[0], body)
            packed = status == 200 and kind == "text/xml"  # as OpenML does
            content = gzip.compress(content) if packed else content
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", '"mark"')
            self.send_header("Last-Modified", "Wed, 01 Jan 2020 00:00:00 GMT")
            if packed:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            if method != "HEAD":
                self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    return Handler
