"""The run directory: results, models and predictions on disk, from which a stopped run is resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from automl.errors import InvalidInputError
from automl.task.task import Task
from automl.trials.component_code import component_fingerprints
from automl.trials.fingerprint import PYTHON, python_hint, task_fingerprint
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from meta_db.files import lock_file, write_text
from pipelines.catalog import OwnComponents
from pipelines.configuration import Configuration

_ADVICE = "name an empty folder, or delete this one"
FORMAT = 3  # of the files in a run directory; rises when runs of earlier versions cannot be resumed any more
RUN_FILE = "run.json"  # the facts about the run: fingerprint of its task, metric, seed
HISTORY = "history.jsonl"  # one line for each trial
_LOCK = ".lock"
_DROP_LOCK, _DROP_SECONDS = ".drop.lock", 10.0  # the lock of `DROPPED`, and the seconds to wait for it
_STOP = "stop"  # the file that asks the search to end
_GUARD = "guard.json"  # the curve of the guard at the end of the last session that has ended
DROPPED = "dropped.json"  # the model families of which the search proposes no more trials


@dataclass(frozen=True)
class RunFacts:
    """The facts about a run, which ``run.json`` holds.

    Attributes
    ----------
    fingerprint : str
        Fingerprint of the task.
    metric : str
        Name of the scorer.
    seed : int
    python : str or None
        The version of Python that has computed the fingerprint; None in files of earlier versions.
    components : mapping of str to str
        Fingerprints of the code of own components, with which the stored models were made.
    metric_class : str
        The class that the score is about, in words; empty if it is about none, and in files of earlier versions.
    """

    fingerprint: str
    metric: str
    seed: int
    python: str | None = None
    components: Mapping[str, str] = field(default_factory=dict)
    metric_class: str = ""

    def to_json(self) -> str:
        """Return the content of ``run.json``."""
        return json.dumps({"format": FORMAT, **asdict(self)})


@dataclass(frozen=True)
class RunDirectory:
    """The folder of a run: ``run.json`` describes the run, ``history.jsonl`` holds one line for each trial."""

    folder: Path

    def seed(self) -> int | None:
        """Return the seed of the run, or None where the folder does not exist or is empty.

        Raises
        ------
        InvalidInputError
            If the folder holds something else, or a run that this version cannot resume.
        """
        facts = self.find_facts()
        return None if facts is None else facts.seed

    @contextmanager
    def open(self, task: Task, seed: int) -> Iterator[OpenRun]:
        """Lock the folder for a session of the run until the block ends; a new folder keeps the seed.

        Raises
        ------
        InvalidInputError
            If another fit uses the folder, or if the folder holds something else, a run on other data, folds or
            metric, or a run that this version cannot resume.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = self._acquire_lock()
        try:
            (self.folder / _STOP).unlink(missing_ok=True)  # it was for an earlier session
            self._describe(task, seed)
            path = self.folder / HISTORY
            if path.exists() and not path.read_bytes().endswith(b"\n"):
                with path.open("a") as file:  # a killed run left half a line; the next line must not be joined to it
                    file.write("\n")
            known = self.read_times()
            yield OpenRun(self, [result for result, _ in known], known[-1][1] if known else 0.0)
        finally:
            lock.release()

    def _describe(self, task: Task, seed: int) -> None:
        """Write ``run.json``, or check that the folder holds a run on the task."""
        facts, fingerprint, own = self.find_facts(), task_fingerprint(task), component_fingerprints(task.own)
        if facts is None:
            facts = RunFacts(fingerprint, task.metric.name, seed, PYTHON, own, metric_class=task.metric.of_class)
            write_text(self.folder / RUN_FILE, facts.to_json())
        elif facts.fingerprint != fingerprint:
            raise InvalidInputError(
                f"store '{self.folder}' holds a run on other data, weights, folds, noisy_labels, monotonic columns,"
                f" metric, objectives or sensitive features{python_hint(facts.python)}; name an empty folder"
            )
        else:
            self.check_components(task.own, facts)
            # New components, and the class that earlier versions have not written.
            known = replace(facts, components={**facts.components, **own}, metric_class=task.metric.of_class)
            if known != facts:
                write_text(self.folder / RUN_FILE, known.to_json())

    def check_components(self, own: OwnComponents, facts: RunFacts) -> None:
        """Check that the code of own components is the one that the stored models were made with.

        Raises
        ------
        InvalidInputError
            If the code of a component has changed.
        """
        for name, fingerprint in component_fingerprints(own).items():
            if facts.components.get(name, fingerprint) != fingerprint:
                raise InvalidInputError(
                    f"store '{self.folder}' holds models of the component {name!r}, whose code has changed since"
                    f"{python_hint(facts.python)}; name an empty folder, or give the component another name"
                )

    def guard_curve(self, n_results: int) -> pd.DataFrame | None:
        """Return the curve of the guard; None where its session ended with fewer results, or if it cannot be read."""
        try:
            kept = json.loads((self.folder / _GUARD).read_text())
            return pd.DataFrame(kept["curve"]) if kept["results"] == n_results else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def is_stop_requested(self) -> bool:
        """Whether a program has asked the search in the folder to end."""
        return (self.folder / _STOP).exists()

    def request_stop(self) -> None:
        """Ask the search in the folder to end; its process builds the ensemble from the results so far."""
        write_text(self.folder / _STOP, "")

    def dropped_families(self) -> tuple[str, ...]:
        """Return the model families of which the search proposes no more trials, in the order of their names."""
        try:
            return tuple(map(str, json.loads((self.folder / DROPPED).read_text())))
        except (OSError, ValueError, TypeError):  # there is no such file; it is written as a whole
            return ()

    def drop_families(self, families: Iterable[str]) -> None:
        """Ask the search to propose no more trials of some model families, also in later sessions of the run."""
        with self._changing_families():
            write_text(self.folder / DROPPED, json.dumps(sorted({*self.dropped_families(), *families})))

    def restore_families(self, families: Collection[str]) -> None:
        """Let the search propose trials of some dropped model families again.

        Raises
        ------
        InvalidInputError
            If one of them is not dropped.
        """
        with self._changing_families():
            dropped = self.dropped_families()
            for family in families:
                if family not in dropped:
                    known = f"dropped are {', '.join(dropped)}" if dropped else "no family is dropped"
                    raise InvalidInputError(f"{family} is not dropped in '{self.folder}'; {known}")
            write_text(self.folder / DROPPED, json.dumps([f for f in dropped if f not in families]))

    @contextmanager
    def _changing_families(self) -> Iterator[None]:
        """Keep other processes from changing the dropped families until the block ends.

        The lock of the folder is that of the search, which may go on for hours.
        """
        try:
            lock = lock_file(self.folder / _DROP_LOCK, _DROP_SECONDS)
        except Timeout:
            raise InvalidInputError(
                f"another process changes the dropped families of '{self.folder}' and does not end; try again later"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def check_free(self) -> None:
        """Check that no other fit uses the folder.

        Raises
        ------
        InvalidInputError
            If another fit uses it.
        """
        self._acquire_lock().release()

    def _acquire_lock(self) -> FileLock:
        # Two fits in one folder would overwrite the table that the workers of the other one have mapped into memory.
        try:
            return lock_file(self.folder / _LOCK)
        except Timeout:
            raise InvalidInputError(
                f"store '{self.folder}' is in use by another fit; wait until that fit ends, or name another folder"
            ) from None
        except OSError as error:
            raise InvalidInputError(f"store '{self.folder}' cannot be locked: {error}; name another folder") from error

    def facts(self) -> RunFacts:
        """Read ``run.json``.

        Raises
        ------
        InvalidInputError
            If the folder holds no run of this version.
        """
        facts = self.find_facts()
        if facts is None:
            raise InvalidInputError(f"'{self.folder}' holds no run; name the folder that fit had as its argument store")
        return facts

    def find_facts(self) -> RunFacts | None:
        """Read ``run.json``; None where the folder does not exist or holds no files yet.

        Raises
        ------
        InvalidInputError
            If the folder holds something else, or a run that this version cannot resume.
        """
        path = self.folder / RUN_FILE
        try:
            about = json.loads(path.read_text())
        except FileNotFoundError:
            others = [file.name for file in self.folder.iterdir()] if self.folder.is_dir() else []
            visible = [name for name in others if not name.startswith(".")]  # a killed run may leave a partial file
            if visible:
                raise InvalidInputError(
                    f"store '{self.folder}' holds '{min(visible)}' and is not the folder of a run; name an empty folder"
                ) from None
            return None
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"store '{self.folder}': run.json cannot be read ({error}); {_ADVICE}") from error
        if not isinstance(about, dict) or "fingerprint" not in about or not isinstance(about.get("seed"), int):
            raise InvalidInputError(f"store '{self.folder}': run.json is damaged or of another program; {_ADVICE}")
        number = about.get("format", 1)
        if number != FORMAT:
            older = isinstance(number, int) and number < FORMAT
            raise InvalidInputError(
                f"store '{self.folder}' holds a run of {'an older' if older else 'a newer'} version of cash-automl "
                f"(format {number}, this version uses format {FORMAT}), which cannot be resumed; name an empty folder"
            )
        return RunFacts(
            fingerprint=about["fingerprint"],
            metric=str(about.get("metric", "")),
            seed=about["seed"],
            python=about.get("python"),
            components=about.get("components", {}),
            metric_class=str(about.get("metric_class", "")),
        )

    def read(self) -> list[TrialResult]:
        """Return the results so far, in the order in which the trials ended.

        Raises
        ------
        InvalidInputError
            If the folder holds no run of this version, or if its history is damaged.
        """
        return [result for result, _ in self.read_times()]

    def read_times(self) -> list[tuple[TrialResult, float]]:
        """Return the results as `read` does, each with the seconds of the run until its trial ended."""
        self.facts()  # raises an error where there is no run
        path = self.folder / HISTORY
        results = []
        for number, content in enumerate(path.read_bytes().splitlines() if path.exists() else [], 1):
            try:
                line = json.loads(content)
            except ValueError:  # half a line, left by a killed run
                continue
            try:
                results.append((to_result(line), float(line["elapsed"])))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise InvalidInputError(
                    f"store '{self.folder}': line {number} of history.jsonl is damaged ({error!r}); {_ADVICE}"
                ) from error
        return results


@dataclass
class OpenRun:
    """A run directory in a session of its run: this process has locked it, and adds results.

    Attributes
    ----------
    directory : RunDirectory
    earlier : sequence of TrialResult
        The results of earlier sessions, in the order in which the trials ended.
    earlier_seconds : float
        Seconds that earlier sessions of the run have used.
    n_added : int
        Number of results that this session has added.
    """

    directory: RunDirectory
    earlier: Sequence[TrialResult] = ()
    earlier_seconds: float = 0.0
    n_added: int = 0

    def append(self, result: TrialResult, elapsed: float) -> None:
        """Add one line, which survives the end of this process.

        Parameters
        ----------
        elapsed : float
            Seconds that all sessions of the run have used so far.

        Raises
        ------
        OSError
            If the line cannot be written; the earlier lines are as they were.
        """
        line = json.dumps(_to_line(result, elapsed))
        path = self.directory.folder / HISTORY
        size = path.stat().st_size if path.exists() else 0
        try:
            with path.open("a") as file:
                file.write(line + "\n")
        except OSError:
            with suppress(OSError):  # no half line stays, to which a later line would be joined
                os.truncate(path, size)
            raise
        self.n_added += 1

    def keep_guard_curve(self, curve: pd.DataFrame) -> None:
        """Keep the curve of the guard, which ends with the ensemble of the results so far.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        content = {"results": len(self.earlier) + self.n_added, "curve": curve.to_dict("list")}
        write_text(self.directory.folder / _GUARD, json.dumps(content))


def _to_line(result: TrialResult, elapsed: float) -> dict[str, Any]:
    """Return the content of the line of a trial in ``history.jsonl``."""
    trial = result.trial
    return {
        "configuration": dict(trial.configuration),
        "folds": list(trial.folds),
        "seed": trial.seed,
        "origin": trial.origin,
        **({"fidelity": trial.fidelity} if trial.fidelity < 1 else {}),
        "status": result.status.value,
        "seconds": result.seconds,
        "peak_memory": result.peak_memory,
        "reason": result.reason,
        "started": result.started,
        "processor_seconds": result.processor_seconds,
        "gpu_seconds": result.gpu_seconds,
        "elapsed": elapsed,
        "results": {
            str(fold): [r.loss, r.fit_seconds, r.predict_seconds, dict(r.info)] for fold, r in result.folds.items()
        },
    }


def to_result(line: Mapping[str, Any]) -> TrialResult:
    """Return the result of a trial from its line in ``history.jsonl``."""
    trial = Trial(
        Configuration(line["configuration"]),
        folds=tuple(line["folds"]),
        seed=line["seed"],
        origin=line["origin"],
        fidelity=line.get("fidelity", 1.0),
    )
    return TrialResult(
        trial,
        Status(line["status"]),
        {int(fold): FoldResult(*values) for fold, values in line["results"].items()},
        seconds=line["seconds"],
        peak_memory=line["peak_memory"],
        reason=line["reason"],
        started=line["started"],
        processor_seconds=line.get("processor_seconds"),  # earlier versions have not recorded these two
        gpu_seconds=line.get("gpu_seconds"),
    )
