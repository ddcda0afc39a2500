"""Objects that users pass as arguments: scorers, splitters, searchers. They are saved by the names of their imports.

An object of scikit-learn is saved as it is. An object of the user's own code is imported only if the user names its
types and functions in the argument `trusted` of `automl.load`. Otherwise a `NotLoaded` takes its place, which
predictions never use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from automl.errors import InvalidInputError
from automl.task.trusted import TRUSTED
from pipelines import storage

_LONGEST = 200  # characters of the text of an object


@dataclass(frozen=True)
class NotLoaded:
    """Stands for an object of the user's own code in a loaded estimator.

    Attributes
    ----------
    argument : str
        The argument that had the object, for example "scoring".
    text : str
        What `repr` returned for the object.
    types : tuple of str
        The types and functions to name in `trusted`; empty if the object could not be saved.
    reason : str
        Why the object is not there.
    """

    argument: str
    text: str
    types: tuple[str, ...] = ()
    reason: str = ""

    def __repr__(self) -> str:
        return f"<not loaded: {self.text}>"

    def __call__(self, *args: Any, **options: Any) -> NoReturn:
        raise InvalidInputError(self.message_of_fitted)

    @property
    def message(self) -> str:
        """The error for a use that needs the present value of the argument."""
        return self._message(f"replace it with set_params({self.argument}=...)")

    @property
    def message_of_fitted(self) -> str:
        """The error for a use that needs the object of the fit, which `set_params` does not change."""
        return self._message(f"fit the model again with a {self.argument} that can be imported from a module")

    def _message(self, remedy: str) -> str:
        if not self.types:
            return f"{self.argument} was {self.text}, which cannot be saved ({self.reason}); {remedy}"
        return (
            f"{self.argument} was {self.text}, which load did not import ({self.reason}); load the model with "
            f"trusted={list(self.types)} if you trust this code, or {remedy}"
        )


def check_loaded(settings: Mapping[str, Any]) -> None:
    """Check that no argument of an estimator stands for an object that `load` did not import.

    Raises
    ------
    InvalidInputError
        The message names the first such argument.
    """
    for value in settings.values():
        if isinstance(value, NotLoaded):
            raise InvalidInputError(value.message)


def check_fitted_scorer(scorer: Any) -> None:
    """Check that the scorer that a model was fitted with is there.

    Raises
    ------
    InvalidInputError
        If `load` did not import it.
    """
    if isinstance(scorer, NotLoaded):
        raise InvalidInputError(scorer.message_of_fitted)


def pack(argument: str, value: Any) -> dict[str, Any]:
    """Return an object as plain values: an archive, or the reason why there is none."""
    if isinstance(value, NotLoaded):
        packed = {"text": value.text, "types": list(value.types), "archive": None, "reason": value.reason}
        return packed | {"argument": argument}
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  the object is the user's code
        text = f"{type(value).__name__} ({error})"
    packed = {"argument": argument, "text": text[:_LONGEST], "types": [], "archive": None, "reason": ""}
    try:
        archive = storage.dump(value)
        return packed | {"types": storage.named_types(archive), "archive": archive}
    except Exception as error:  # noqa: BLE001  its methods may raise anything
        return packed | {"reason": str(error)}


def is_ours(value: Any) -> bool:
    """Return whether an object can be read back without trust in the user's own code."""
    try:
        storage.load(storage.dump(value), trusted=TRUSTED)
    except Exception:  # noqa: BLE001  methods of the object may raise anything
        return False
    return True


def unpack(packed: Mapping[str, Any], trusted: Collection[str]) -> Any:
    """Return the object, or a `NotLoaded` if it was not saved, is not trusted, or cannot be imported."""
    argument, archive = packed["argument"], packed["archive"]
    types = tuple(name for name in packed["types"] if name not in TRUSTED)
    if archive is None:
        return NotLoaded(argument, packed["text"], types, packed["reason"])
    try:
        return storage.load(archive, trusted=TRUSTED | set(trusted))
    except storage.UntrustedError as error:
        return NotLoaded(argument, packed["text"], error.types, "trusted does not name it")
    except storage.StorageError as error:
        return NotLoaded(argument, packed["text"], types, str(error))
