"""The values of the estimators' parameters, made from the texts of options."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.cli.support import split_names
from automl.errors import InvalidInputError, check_names
from automl.table_files.target import similar_columns
from pipelines.libraries import MissingLibraryError, import_library

if TYPE_CHECKING:
    import pandas as pd

    from automl.guard import Guard


def parse_columns(
    columns: Sequence[str], categorical: Sequence[str], text: Sequence[str], drop: Sequence[str]
) -> dict[str, str]:
    """Return the argument `columns` of the estimators from the values of --columns, --categorical, --text and --drop.

    Raises
    ------
    InvalidInputError
        If a value of --columns has no kind, or if two options name the same column.
    """
    kinds: dict[str, str] = {}
    for option, name, kind in _named(columns, categorical, text, drop):
        if kinds.setdefault(name, kind) != kind:
            raise InvalidInputError(f"{option} {name}: another option names this column, too; use one of them")
    return kinds


def check_columns(
    X: pd.DataFrame,
    path: Path,
    columns: Sequence[str],
    categorical: Sequence[str],
    text: Sequence[str],
    drop: Sequence[str],
) -> None:
    """Raise an error for a name in --columns, --categorical, --text or --drop that is no feature of the table."""
    known = set(map(str, X.columns))
    for option, name, _ in _named(columns, categorical, text, drop):
        if name not in known:
            raise InvalidInputError(
                f"{option}: '{path}' has no feature '{name}'; it has {similar_columns(name, X.columns)}"
            )


def _named(
    columns: Sequence[str], categorical: Sequence[str], text: Sequence[str], drop: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Return the option, the name and the kind of each column that the user names."""
    named = [("--columns", name, kind) for value in columns for name, kind in _pairs(value)]
    for option, kind, values in (
        ("--categorical", "category", categorical),
        ("--text", "text", text),
        ("--drop", "drop", drop),
    ):
        named += [(option, name, kind) for name in split_names(values)]
    return named


def _pairs(value: str) -> list[tuple[str, str]]:
    """Return the names and kinds in one value of --columns; a value with a single = is one pair, commas included."""
    parts = [value] if value.count("=") == 1 else [part for part in value.split(",") if part.strip()]
    pairs = [part.rpartition("=") for part in parts]
    for name, _, kind in pairs:
        if not name.strip() or not kind.strip():
            raise InvalidInputError(f"--columns must be NAME=KIND, for example zip=category; got '{value}'")
    return [(name.strip(), kind.strip()) for name, _, kind in pairs]


def parse_scoring(text: str | None) -> str | list[str] | None:
    """Return the argument `scoring` of the estimators: the name of a scorer, or a list where commas separate names."""
    names = [] if text is None else list(split_names([text]))
    return names if len(names) > 1 else next(iter(names), text)


def parse_quantiles(text: str | None) -> tuple[float, ...] | None:
    """Return the argument `quantiles` of the regressor from the value of --quantiles.

    Raises
    ------
    InvalidInputError
        If a part between two commas is no number, or if there is none.
    """
    if text is None:
        return None
    try:
        levels = tuple(float(part) for part in split_names([text]))
    except ValueError:
        levels = ()
    if not levels:
        raise InvalidInputError(f"--quantiles must be numbers such as 0.1,0.5,0.9; got '{text}'")
    return levels


def parse_cv(text: str | None) -> Any:
    """Return the argument `cv` of the estimators: a number of folds, or a splitter such as ``TimeSeriesSplit:5``.

    Raises
    ------
    InvalidInputError
        If the text is neither.
    """
    if text is None:
        return None
    name, _, number = text.partition(":")
    if not name.isdecimal():
        import sklearn.model_selection

        from automl.task.split_arguments import SPLITTERS

        check_names("--cv", name, SPLITTERS)
        if number and (not number.isdecimal() or int(number) < 2):
            raise InvalidInputError(f"--cv must have 2 folds or more after the colon; got '{text}'")
        splitter = getattr(sklearn.model_selection, name)
        return splitter(n_splits=int(number)) if number else splitter()
    if number:
        raise InvalidInputError(f"--cv must be a number of folds, or a splitter such as KFold:5; got '{text}'")
    return int(name)


def parse_guard(share: float | None, stop: bool) -> float | Guard | None:
    """Return the argument `guard` of the estimators from the values of --guard and --guard-stop.

    Raises
    ------
    InvalidInputError
        If the search is to stop, but there is no guard.
    """
    if not stop:
        return share
    if share is None:
        raise InvalidInputError("--guard-stop needs --guard, for example --guard 0.1")
    from automl.guard import Guard

    return Guard(share, stop=True)


def read_configurations(text: str) -> str | list[Mapping[str, Any]]:
    """Return the argument `initial_configurations`: a name, or the list of configurations in a JSON file.

    Raises
    ------
    InvalidInputError
        If the file cannot be read, or holds no list.
    """
    if not text.endswith(".json"):
        return text
    try:
        content = json.loads(Path(text).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInputError(f"--initial-configurations: '{text}' cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidInputError(f"--initial-configurations: '{text}' is not JSON: {error}") from error
    if not isinstance(content, list):
        raise InvalidInputError(f"--initial-configurations: '{text}' must hold a list of configurations")
    return content


def parse_monotonic(values: Sequence[str]) -> dict[str, int] | None:
    """Return the argument `monotonic` of the estimators from the values of --monotonic.

    Raises
    ------
    InvalidInputError
        If a value is not ``COLUMN=1``, ``COLUMN=-1`` or ``COLUMN=0``.
    """
    found = {}
    for name, sign, text in (value.rpartition("=") for value in values):
        if not sign or not name or text.strip() not in ("1", "+1", "-1", "0"):
            raise InvalidInputError(f"--monotonic must be COLUMN=1 or COLUMN=-1; got '{name}{sign}{text}'")
        found[name] = int(text)
    return found or None


def parse_space(values: Sequence[str]) -> dict[str, Any] | None:
    """Return the argument `space` of the estimators from the values of --space: files, and ``NAME=VALUE``.

    A value with a comma is a range or a list of choices; a value in braces is a mapping, for a prior.

    Raises
    ------
    InvalidInputError
        If a file cannot be read, or if a value has no name.
    """
    space: dict[str, Any] = {}
    for value in values:
        if value.lower().endswith((".yaml", ".yml", ".json")) and "=" not in value:
            space.update(_read_space_file(value))
            continue
        name, sign, text = value.partition("=")
        if not sign or not name.strip() or not text.strip():
            raise InvalidInputError(
                f"--space must be a file, or NAME=VALUE such as lightgbm:num_leaves=8,64; got '{value}'"
            )
        space[name.strip()] = _space_value(value, text.strip())
    return space or None


def _space_value(option: str, text: str) -> Any:
    if text.startswith(("{", "[")):
        try:
            return json.loads(text)
        except ValueError as error:
            raise InvalidInputError(f"--space {option}: the value is not JSON: {error}") from error
    found = [_plain_value(part.strip()) for part in text.split(",")]
    return found if len(found) > 1 else found[0]


def _plain_value(text: str) -> Any:
    """Return a whole number, a number, true or false, or else the text.

    >>> [_plain_value(text) for text in ("8", "1e-3", "true", "none")]
    [8, 0.001, True, 'none']
    """
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        with suppress(ValueError):
            return number(text)
    return text


def _read_space_file(path: str) -> Mapping[str, Any]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(f"--space: '{path}' cannot be read: {reason}") from error
    try:
        if path.lower().endswith(".json"):
            content = json.loads(text)
        else:
            yaml = import_library("yaml")
            content = yaml.safe_load(text)
    except MissingLibraryError as error:
        raise InvalidInputError(
            "a YAML file needs PyYAML; pip install 'cash-automl[jobs]', or write the file as JSON"
        ) from error
    except Exception as error:  # PyYAML has errors of many types
        raise InvalidInputError(f"--space: '{path}' cannot be read: {error}") from error
    if not isinstance(content, Mapping):
        raise InvalidInputError(f"--space: '{path}' must map names of hyperparameters to values")
    return content


def load_callbacks(names: Sequence[str]) -> list[Any]:
    """Return the callbacks that ``module:name`` names; a class is called without arguments.

    Modules in the working directory are found, too.

    Raises
    ------
    InvalidInputError
        If there is no such module or name, or if it cannot be called.
    """
    callbacks = []
    if names and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # last: modules of the user must not hide libraries
    for name in names:
        module, _, attribute = name.partition(":")
        if not module or not attribute:
            raise InvalidInputError(f"--callback must be module:name; got '{name}'")
        try:
            found = getattr(importlib.import_module(module), attribute)
            callback = found() if isinstance(found, type) else found
        except Exception as error:
            kind = "" if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: "
            raise InvalidInputError(f"--callback: '{name}' cannot be imported: {kind}{error}") from error
        if not callable(callback):
            raise InvalidInputError(f"--callback: '{name}' is no function callback(result, history)")
        callbacks.append(callback)
    return callbacks
