"""A run on disk: results, models and predictions that outlive the process, so that a run can go on where it stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl.errors import InvalidInputError
from automl.task.task import Task
from automl.trials.fingerprint import task_fingerprint
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.configuration import Configuration


def kept_seed(folder: Path) -> int | None:
    """Seed of the run in a folder; None where there is no run yet."""
    try:
        return int(json.loads((folder / "run.json").read_text())["seed"])
    except (OSError, ValueError, KeyError):
        return None


@dataclass
class RunDirectory:
    """The folder of a run: ``run.json`` describes the run, ``history.jsonl`` holds one line for each trial."""

    folder: Path
    elapsed_before: float = 0.0  # seconds that earlier sessions of the run have used

    def open(self, task: Task, seed: int) -> list[TrialResult]:
        """Results of earlier sessions; creates the folder for a first one, which keeps its seed.

        Raises
        ------
        InvalidInputError
            If the folder holds a run on other data, folds or metric.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        about = self.folder / "run.json"
        mark = task_fingerprint(task)
        if about.exists():
            known = json.loads(about.read_text())["fingerprint"]
            if known != mark:
                raise InvalidInputError(
                    f"store '{self.folder}' holds a run on other data, weights, folds or metric, or of another "
                    "version; name an empty folder"
                )
        else:
            partial = self.folder / "run.json.partial"  # a run killed in this moment must not leave half a file
            partial.write_text(json.dumps({"fingerprint": mark, "metric": task.metric.name, "seed": seed}))
            partial.replace(about)
        path = self.folder / "history.jsonl"
        if path.exists() and not path.read_bytes().endswith(b"\n"):
            with path.open("a") as file:  # a killed run left half a line; the next one must not be glued to it
                file.write("\n")
        return self.read()

    def append(self, result: TrialResult, elapsed: float) -> None:
        """Add one line, which outlives this process from then on."""
        trial = result.trial
        line: dict[str, Any] = {
            "configuration": dict(trial.configuration),
            "folds": list(trial.folds),
            "seed": trial.seed,
            "origin": trial.origin,
            "status": result.status.value,
            "seconds": result.seconds,
            "peak_memory": result.peak_memory,
            "reason": result.reason,
            "elapsed": self.elapsed_before + elapsed,
            "results": {
                str(fold): [r.loss, r.fit_seconds, r.predict_seconds, dict(r.info)] for fold, r in result.folds.items()
            },
        }
        with (self.folder / "history.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()

    def read(self) -> list[TrialResult]:
        """Results so far, in the order in which they came."""
        path = self.folder / "history.jsonl"
        results = []
        for text in path.read_text().splitlines() if path.exists() else []:
            try:
                line = json.loads(text)
            except json.JSONDecodeError:  # half a line, left by a killed run
                continue
            trial = Trial(Configuration(line["configuration"]), tuple(line["folds"]), line["seed"], line["origin"])
            folds = {int(fold): FoldResult(*values) for fold, values in line["results"].items()}
            results.append(
                TrialResult(trial, Status(line["status"]), folds, line["seconds"], line["peak_memory"], line["reason"])
            )
            self.elapsed_before = line["elapsed"]
        return results
