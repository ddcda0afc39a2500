"""Requests to OpenML through the openml package, with a timeout and one kind of error."""

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

# Libraries whose error messages name the cause. Errors of other libraries come from parsers and name only a place.
_CONNECTING = ("openml", "requests", "urllib3", "minio")
_LONGEST = 400  # shown characters of an error: some servers send whole pages
# Files of a data set in the cache of the openml package, and the names of their outermost elements.
_DESCRIPTIONS = {
    "description.xml": "data_set_description",
    "features.xml": "data_features",
    "qualities.xml": "data_qualities",
}


class OpenMLError(Exception):
    """OpenML did not answer, or its answer cannot be used; the message names the request, the server and the reason."""


@dataclass(frozen=True)
class Connection:
    """The server, the key and the limits of requests to OpenML; None keeps openml's own configuration.

    Attributes
    ----------
    server : str, optional
        For example ``https://www.openml.org/api/v1/xml``.
    api_key : str, optional
        Only needed to publish.
    cache : Path, optional
        Folder where the openml package keeps its downloads.
    timeout : float
        Seconds for one request; openml itself has no limit.
    retries : int
        Attempts of openml when the connection breaks or a checksum is wrong; at least 1.
    """

    server: str | None = None
    api_key: str | None = None
    cache: Path | None = None
    timeout: float = 300.0
    retries: int = 3

    @contextmanager
    def open(self) -> Iterator[OpenMLClient]:
        """Open a client; when it is closed, the global configuration of the openml package is as it was before."""
        config = openml.config
        before = config.get_config_as_dict()
        try:
            config.server = self.server or config.server
            config.apikey = config.apikey if self.api_key is None else self.api_key
            if self.cache is not None:
                config.set_root_cache_directory(self.cache)
            config.set_retry_policy("human", self.retries)
            client = OpenMLClient(config.server, self.timeout)
            try:
                yield client
            finally:
                client.close()
        finally:
            config.server, config.apikey = before["server"], before["apikey"]
            config.set_root_cache_directory(before["cachedir"])
            config.set_retry_policy(before["retry_policy"], before["connection_n_retries"])


class OpenMLClient:
    """An open connection, made by `Connection.open`."""

    def __init__(self, server: str, timeout: float):
        self.server = server
        self._timeout = timeout
        # The threads of the pool are daemons: a thread that hangs does not keep the program from ending.
        self._pool = ThreadPool(1)

    def close(self) -> None:
        """Close the client; a request without an answer is given up."""
        self._pool.terminate()

    @property
    def cache(self) -> Path:
        """The folder of this server's files."""
        return Path(openml.config.get_cache_directory())

    def ask(self, what: str, request: Callable[[], Any]) -> Any:
        """Return the result of one call of the openml package.

        Parameters
        ----------
        what : str
            Name of the requested object, for the error message.
        request : callable
            The call of the openml package.

        Raises
        ------
        OpenMLError
            If there is no answer in time, the server reports an error, a checksum is wrong, or openml cannot read
            the answer.
        """
        try:
            return self._pool.apply_async(request).get(self._timeout)
        except TooLongError as error:
            self._pool.terminate()
            self._pool = ThreadPool(1)  # the thread of the old pool still waits
            raise OpenMLError(
                f"{what}: {self.server} did not answer within {self._timeout:g} seconds; try again later"
            ) from error
        except Exception as error:  # openml does not catch the errors of its parsers, which may be a bare Exception
            raise OpenMLError(f"{what}: {self.server}: {_explain(error)}") from error

    def task(self, number: int, with_splits: bool = False) -> Any:
        """Return a task, on request with its splits."""
        try:
            return self.ask(f"task {number}", lambda: openml.tasks.get_task(number, download_splits=with_splits))
        except OpenMLError:
            shutil.rmtree(self.cache / "tasks" / str(number), ignore_errors=True)
            self._drop_damaged()
            raise

    def dataset(self, number: int, with_data: bool = False) -> Any:
        """Return a data set with its features and qualities, on request with its table.

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
        """Remove descriptions that cannot be read: openml saves an answer before it reads it."""
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
    """Return whether the cached ARFF file has the server's checksum; a killed download may leave a part of the file."""
    path, expected = dataset.data_file, dataset.md5_checksum
    if path is None or expected is None:
        return True
    return md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest() == expected


def _explain(error: BaseException) -> str:
    if type(error).__name__ == "ConnectionError":  # requests' text repeats the address and names its own classes
        return "there is no connection to the server; check the network and the address"
    text = " ".join(str(error).split())
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]} ..."
    text = f"{text} ({type(error).__name__})" if text else type(error).__name__
    if isinstance(error, OSError) or type(error).__module__.split(".")[0] in _CONNECTING:
        return text
    return f"the answer cannot be read: {text}"
