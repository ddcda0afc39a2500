"""Talking to OpenML through its own client: where, for how long, and with one kind of error."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from multiprocessing import TimeoutError as TooLongError
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openml

logger = logging.getLogger(__name__)

# Libraries whose errors say what is wrong; those of others come from parsers, which say only where.
_CONNECTING = ("openml", "requests", "urllib3", "minio")
_LONGEST = 400  # letters of an error that are shown: servers send whole pages
# Files of a data set in the client's cache, and what their outermost element is called.
_DESCRIPTIONS = {
    "description.xml": "data_set_description",
    "features.xml": "data_features",
    "qualities.xml": "data_qualities",
}


class OpenMLError(Exception):
    """OpenML did not answer, or not with what can be used; the message says what was asked, of whom, and why."""


@dataclass(frozen=True)
class Connection:
    """Where OpenML is, and how patient we are; what is None stays as the client's own configuration has it.

    Attributes
    ----------
    server : str, optional
        For example ``https://www.openml.org/api/v1/xml``.
    api_key : str, optional
        Needed for publishing only.
    cache : Path, optional
        Folder where the client keeps what it has downloaded.
    timeout : float
        Seconds for one question; the client itself would wait for ever.
    retries : int
        How often the client asks again when the connection breaks or a checksum is wrong.
    """

    server: str | None = None
    api_key: str | None = None
    cache: Path | None = None
    timeout: float = 300.0
    retries: int = 3

    @contextmanager
    def open(self) -> Iterator[Session]:
        """Open a session; when it ends, the client's global configuration is as it was before."""
        config = openml.config
        before = config.get_config_as_dict()
        try:
            config.server = self.server or config.server
            config.apikey = config.apikey if self.api_key is None else self.api_key
            if self.cache is not None:
                config.set_root_cache_directory(self.cache)
            config.set_retry_policy("human", self.retries)
            session = Session(config.server, self.timeout)
            try:
                yield session
            finally:
                session.close()
        finally:
            config.server, config.apikey = before["server"], before["apikey"]
            config.set_root_cache_directory(before["cachedir"])
            config.set_retry_policy(before["retry_policy"], before["connection_n_retries"])


class Session:
    """An open connection; made by `Connection.open`."""

    def __init__(self, server: str, timeout: float):
        self.server = server
        self._timeout = timeout
        # Its threads are daemons: one that hangs does not keep the program from ending.
        self._pool = ThreadPool(1)

    def close(self) -> None:
        """End the session; a question without an answer is left to itself."""
        self._pool.terminate()

    @property
    def cache(self) -> Path:
        """Folder of this server's files."""
        return Path(openml.config.get_cache_directory())

    def ask(self, what: str, question: Callable[[], Any]) -> Any:
        """The answer to one call of the client.

        Raises
        ------
        OpenMLError
            Whatever went wrong: no answer in time, an error of the server, a wrong checksum, or an answer that is
            not what the client expects.
        """
        try:
            return self._pool.apply_async(question).get(self._timeout)
        except TooLongError as error:
            self._pool.terminate()
            self._pool = ThreadPool(1)  # the thread of the old one still waits
            raise OpenMLError(
                f"{what}: {self.server} did not answer within {self._timeout:g} seconds; try again later"
            ) from error
        except Exception as error:  # the client lets through whatever its parsers raise, bare Exceptions included
            raise OpenMLError(f"{what}: {self.server}: {_explain(error)}") from error

    def task(self, number: int, with_splits: bool = False) -> Any:
        """A task's description, and its splits where they are wanted."""
        try:
            return self.ask(f"task {number}", lambda: openml.tasks.get_task(number, download_splits=with_splits))
        except OpenMLError:
            shutil.rmtree(self.cache / "tasks" / str(number), ignore_errors=True)
            self._drop_damaged()
            raise

    def dataset(self, number: int, with_data: bool = False) -> Any:
        """A data set with its features and qualities, and with its table where that is wanted.

        Files that are already in the cache are not downloaded again.
        """

        def download() -> Any:
            return openml.datasets.get_dataset(
                number, download_data=with_data, download_qualities=True, download_features_meta_data=True
            )

        folder = self.cache / "datasets" / str(number)
        what = f"data set {number}"
        try:
            found = self.ask(what, download)
            if with_data and not _is_whole(found):
                logger.warning("the cached file of data set %d is damaged and is downloaded again", number)
                shutil.rmtree(folder)
                found = self.ask(what, download)
            if with_data:
                self.ask(what, found.get_data)
        except OpenMLError:
            if with_data:
                shutil.rmtree(folder, ignore_errors=True)
            self._drop_damaged()
            raise
        return found

    def _drop_damaged(self) -> None:
        """Remove descriptions that cannot be read: the client keeps what it gets before it looks into it."""
        for name, root in _DESCRIPTIONS.items():
            for path in self.cache.glob(f"datasets/*/{name}"):
                if not _has_root(path, root):
                    path.unlink()


def _has_root(path: Path, root: str) -> bool:
    try:
        return ElementTree.parse(path).getroot().tag.endswith(root)
    except ElementTree.ParseError:
        return False


def _is_whole(dataset: Any) -> bool:
    """Whether the cached ARFF file is what the server announced; a killed download may have left a part of it."""
    path, expected = dataset.data_file, dataset.md5_checksum
    if path is None or expected is None:
        return True
    return md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest() == expected


def _explain(error: BaseException) -> str:
    said = " ".join(str(error).split())
    if len(said) > _LONGEST:
        said = f"{said[:_LONGEST]} ..."
    said = f"{said} ({type(error).__name__})" if said else type(error).__name__
    if isinstance(error, OSError) or type(error).__module__.split(".")[0] in _CONNECTING:
        return said
    return f"the answer cannot be read: {said}"
