"""Reading of a run directory while another process writes into it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from automl.errors import InvalidInputError
from automl.trials.history import RunHistory
from automl.trials.run_directory import DROPPED, FORMAT, HISTORY, RUN_FILE, RunDirectory, to_result
from automl.trials.session import FILE, Session, read_session

_HOW = "a run directory is the folder of fit(store=...) or 'automl fit ... --store FOLDER'"
_MODEL_FILE = "manifest.json"


class RunReader:
    """The run in a folder, as far as it has come. It takes no lock and writes nothing.

    Parameters
    ----------
    folder : Path
        The run directory.
    metric : str, optional
        Name of the scorer, for a folder that holds only the history of a run. By default ``run.json`` says it.
    metric_class : str, default=""
        The class that this score is about, in words, if it is about one.

    Attributes
    ----------
    history : RunHistory
        The trials that have ended.
    session : Session or None
        None where an earlier version of this package has written the folder.
    dropped : tuple of str
        The model families of which the search proposes no more trials.
    last_trial : float or None
        Time at which the last trial was recorded, in seconds since 1970.
    is_there : bool
        Whether the folder still exists.

    Raises
    ------
    InvalidInputError
        If the folder holds no run, or a run of another version.
    """

    def __init__(self, folder: Path, metric: str | None = None, metric_class: str = ""):
        self.folder = folder
        self.metric, self.metric_class = _read_metric(folder) if metric is None else (metric, metric_class)
        self.history = RunHistory()
        self.session: Session | None = None
        self.dropped: tuple[str, ...] = ()
        self.last_trial: float | None = None
        self.is_there = True
        self._offset, self._inode = 0, -1
        self._stamp: object = None
        self.update()

    def update(self) -> bool:
        """Read what was written since the last call, and return whether there was anything new.

        Raises
        ------
        InvalidInputError
            If the history is damaged.
        """
        before = self.is_there
        self.is_there = self.folder.is_dir()
        stamps = [_stamp(self.folder / name) for name in (HISTORY, FILE, DROPPED)]
        if stamps == self._stamp:
            return before != self.is_there
        self._stamp = stamps
        self.session = read_session(self.folder)
        self.dropped = RunDirectory(self.folder).dropped_families()
        self._read_history()
        return True

    def _read_history(self) -> None:
        try:
            with (self.folder / HISTORY).open("rb") as file:
                found = os.fstat(file.fileno())
                if found.st_size < self._offset or found.st_ino != self._inode:  # of another run in the same folder
                    self.history, self._offset, self._inode = RunHistory(), 0, found.st_ino
                file.seek(self._offset)
                content = file.read()
            self.last_trial = found.st_mtime
        except FileNotFoundError:
            return
        whole = content[: content.rfind(b"\n") + 1]  # the last line may still be written
        self._offset += len(whole)
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                values = json.loads(line)
            except ValueError:  # half a line, left by a killed run
                continue
            try:
                self.history.append(to_result(values))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise InvalidInputError(
                    f"'{self.folder}': new line {number} of {HISTORY} is damaged ({error!r})"
                ) from error


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read_metric(folder: Path) -> tuple[str, str]:
    """Return the name of the scorer of a run, and the class that its score is about; empty if it is about none."""
    try:
        about = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        number, metric = about.get("format", 1), about["metric"]
    except (FileNotFoundError, NotADirectoryError):
        if not folder.exists():
            raise InvalidInputError(f"there is no folder '{folder}'; {_HOW}") from None
        if (folder / _MODEL_FILE).exists():
            raise InvalidInputError(
                f"'{folder}' holds a saved model and not a run; 'automl report {folder}' writes the report of a model"
            ) from None
        raise InvalidInputError(f"'{folder}' holds no run; {_HOW}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"'{folder}': run.json cannot be read ({error!r}); {_HOW}") from error
    if number != FORMAT:
        raise InvalidInputError(
            f"'{folder}' holds a run of another version of cash-automl (format {number}, this version reads {FORMAT})"
        )
    return str(metric), str(about.get("metric_class", ""))  # earlier runs do not name the class
