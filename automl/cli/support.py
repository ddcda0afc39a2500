"""Helpers that several commands share: lists of names in options, models, and messages on standard error."""

from __future__ import annotations

import errno
import logging
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from automl.errors import FoldFailedWarning, InvalidInputError, RareClassWarning, UnreadCellsWarning
from automl.progress.wording import WORDING
from automl.table_files.target import TaskName, split_target

if TYPE_CHECKING:
    import pandas as pd

    from automl.base import BaseAutoML
    from automl.table_files.text import FileOptions

TRUSTED = "AUTOML_TRUSTED"  # environment variable
TablePath = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE", help="Text file such as CSV (also compressed), Parquet, Feather or Excel file, or a folder."
    ),
]
ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder in which 'automl fit' has saved a model.")]
FILE_PANEL, TABLE_PANEL = "Reading the file", "Rows and columns of the table"  # groups of options in --help
Encoding = Annotated[
    str | None,
    typer.Option(help="Encoding of a text file.", show_default="found by its bytes", rich_help_panel=FILE_PANEL),
]
Separator = Annotated[
    str | None,
    typer.Option(
        help="Character between the cells of a text file; \\t is a tab.",
        show_default="found by its lines",
        rich_help_panel=FILE_PANEL,
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option(
        help="Decimal sign of a text file: . or ,", show_default="found by its numbers", rich_help_panel=FILE_PANEL
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(help="Name or number of a sheet of an Excel file.", show_default="first", rich_help_panel=FILE_PANEL),
]
Kind = Annotated[
    TaskName,
    typer.Option(
        metavar="KIND",
        help="Kind of prediction: classification, regression, or auto, which looks at the values of the target.",
        rich_help_panel=TABLE_PANEL,
    ),
]
Weight = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Column with the weights of the rows; it is no feature.", rich_help_panel=TABLE_PANEL
    ),
]
Groups = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column of groups: rows with the same value stay on one side of each fold; it is no feature.",
        rich_help_panel=TABLE_PANEL,
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column with the time of each row, as a number or a date: folds train on older rows and score newer rows. "
        "The column stays a feature.",
        rich_help_panel=TABLE_PANEL,
    ),
]
Gap = Annotated[
    str,
    typer.Option(
        metavar="GAP",
        help="Time between the training rows and the scored rows of a fold: a number, or a duration such as '7 days' "
        "if --time names a column of dates.",
        rich_help_panel=TABLE_PANEL,
    ),
]
Columns = Annotated[
    list[str],
    typer.Option(
        metavar="NAME=KIND",
        help="Kinds of columns, separated by commas; may be repeated. The kinds are number, category, text, date, time "
        "and drop.",
        rich_help_panel=TABLE_PANEL,
    ),
]
Categorical = Annotated[
    list[str],
    typer.Option(
        metavar="COLUMNS",
        help="Columns to read as categories, separated by commas; may be repeated.",
        rich_help_panel=TABLE_PANEL,
    ),
]
Text = Annotated[
    list[str],
    typer.Option(
        metavar="COLUMNS",
        help="Columns to read as free texts, separated by commas; may be repeated.",
        rich_help_panel=TABLE_PANEL,
    ),
]
Drop = Annotated[
    list[str],
    typer.Option(
        metavar="COLUMNS",
        help="Columns to leave out, separated by commas; may be repeated.",
        rich_help_panel=TABLE_PANEL,
    ),
]

_FILES = "automl.table_files"  # the logger of the reader of files
_INTERRUPTED = 130  # exit code of shells after Ctrl-C
MOST_SEED = 2**32 - 1  # the largest seed that NumPy takes
POSITIVE_HELP = (
    "The class of interest of two classes, for scorers such as f1 and for the decision threshold. The default is the "
    "label 1, or the second class if no label is 1."
)


def within(least: int, most: float = math.inf) -> Callable[[int | None], int | None]:
    """Return the check of an option that takes a whole number from ``least`` to ``most``.

    The arguments ``min`` and ``max`` of typer would do the same, but they print the range beside the name in the help,
    and cut the names of options there on terminals with 80 columns.
    """

    def check(value: int | None) -> int | None:
        if value is not None and not least <= value <= most:
            upper = "" if most == math.inf else f" and at most {most}"
            raise typer.BadParameter(f"{value} is out of range: it must be at least {least}{upper}.")
        return value

    return check


def file_options(
    encoding: str | None, separator: str | None, decimal: str | None, sheet: str | None, *tables: Path | None
) -> FileOptions:
    """Return the options of the files with tables, as they were typed.

    Parameters
    ----------
    *tables : Path or None
        The files that the command reads with these options; None for a file that is not given.

    Raises
    ------
    InvalidInputError
        If an option has an impossible value, or no file has a format that the option is about.
    """
    from automl.table_files.text import DEFAULT_OPTIONS, FileOptions

    options = FileOptions(encoding, "\t" if separator == "\\t" else separator, decimal, sheet)
    options.check()
    given = [path for path in tables if path is not None]
    if given and options != DEFAULT_OPTIONS:
        from automl.table_files.reading import check_formats

        check_formats(options, given)
    return options


def check_needed(needed: str, given: Mapping[str, object], file: FileOptions | None = None) -> None:
    """Raise an error for an option that would do nothing, because an option that it belongs to is missing.

    Parameters
    ----------
    needed : str
        The missing option, and what it is.
    given : mapping of str to object
        The values of the options that belong to it; None, False and an empty list stand for options without a value.
    file : FileOptions, optional
        Further options that belong to it: those that describe a file.
    """
    about_file = {} if file is None else {f"--{name}": value for name, value in vars(file).items()}
    for option, value in {**given, **about_file}.items():
        if value is not None and value is not False and value != []:
            raise InvalidInputError(f"{option} needs {needed}")


def check_file(option: str, path: Path) -> None:
    """Raise an error for a file of an option that cannot be written, before any work is done."""
    from automl.persistence import takes_files

    folder = Path(os.path.realpath(path)).parent
    if path.is_dir():
        raise InvalidInputError(f"{option}: '{path}' is a folder; name a file")
    if not folder.is_dir():
        raise InvalidInputError(f"{option}: '{path}' cannot be written: there is no folder '{path.parent}'; create it")
    if (path.is_file() or not path.exists()) and not takes_files(folder):  # a pipe is no file
        raise InvalidInputError(
            f"{option}: '{path}' cannot be written: no file can be made in '{folder}'; name another file"
        )


def split_names(values: Sequence[str]) -> tuple[str, ...]:
    """Return the names in the values of an option that may be repeated; commas separate the names of one value."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def write_message(verbose: int, text: str) -> None:
    """Write one line to standard error, unless `verbose` is 0; standard output is for the results of a command."""
    if verbose:
        typer.echo(f"automl: {' '.join(text.split())}", err=True)


def write_note(text: str) -> None:
    """Write a note about the data or the model to standard error."""
    write_message(1, f"note: {text}")


def read_labeled(estimator: BaseAutoML, path: Path, targets: Sequence[str], options: FileOptions) -> tuple[Any, Any]:
    """Return the table in a file and its target, or its targets, with the labels of a fitted estimator."""
    from automl.table_files.reading import read_table
    from automl.table_files.target import split_targets
    from automl.task.ordered_classes import named_like

    X, y = split_targets(read_table(path, options, target=targets), targets, path, "--target")
    return X, named_like(y, estimator.classes_) if estimator._metric.ranks else y


def split_weight_and_groups(
    X: pd.DataFrame, weight: str | None, groups: str | None, path: Path
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Take the columns of --weight and --groups out of a table; return the rest, and them as arguments of `fit`."""
    found: dict[str, Any] = {}
    for argument, option, column in (("sample_weight", "--weight", weight), ("groups", "--groups", groups)):
        if column is not None:
            X, found[argument] = split_target(X, column, path, option)
    return X, found


def load_model(folder: Path, for_prediction: bool = False) -> Any:
    """Load a model of this package; a warning about versions of libraries becomes one line on standard error.

    The environment variable AUTOML_TRUSTED holds the types of the user's own code that may be imported, with commas.
    Modules in the working directory are found, too.

    Parameters
    ----------
    for_prediction : bool, default=False
        Whether to read only what predictions need.

    Raises
    ------
    InvalidInputError
        If the model cannot be loaded, or is an estimator of another library, which only jobs save.
    """
    from automl.loading import load
    from pipelines.storage import UntrustedError

    trusted = split_names([os.environ.get(TRUSTED, "")])
    if trusted and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # last: modules of the user must not hide libraries
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator = load(folder, trusted=trusted, for_prediction=for_prediction)
        except InvalidInputError as error:
            if isinstance(error.__cause__, UntrustedError):
                names = ",".join(error.__cause__.types)
                raise InvalidInputError(f"{error}; in a shell, set {TRUSTED}={names}") from error
            raise
    if not hasattr(estimator, "_ensemble"):
        raise InvalidInputError(
            f"'{folder}' holds an estimator of another library, which only automl.load reads; name a model that automl "
            "has fitted"
        )
    for warning in caught:
        if warning.category is UserWarning:  # scikit-learn repeats it in a class of its own for each estimator
            write_note(str(warning.message))
    return estimator


class _Formatter(logging.Formatter):
    """Formats a record as one line in other words."""

    def __init__(self, wording: Callable[[str], str]):
        super().__init__("automl: %(message)s")
        self._wording = wording

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        record.message = self._wording(record.message)
        return super().formatMessage(record)


@contextmanager
def messages_on_stderr(verbose: int) -> Iterator[None]:
    """Write the log of the library and its warnings about folds, classes and cells to standard error, each once.

    The messages name options of the command in place of arguments of Python.
    """
    wording = WORDING.get()
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(wording))
    notes: set[str] = set()

    def is_shown(record: logging.LogRecord) -> bool:
        if record.name == _FILES:  # a command may read a file more than once
            text = record.getMessage()
            is_new = text not in notes
            notes.add(text)
            return is_new
        # Messages about single trials are only for users who want the details.
        return verbose >= 2 or record.name == "automl" or record.levelno >= logging.WARNING

    handler.addFilter(is_shown)
    logger = logging.getLogger("automl")
    level = logger.level

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, FoldFailedWarning | RareClassWarning | UnreadCellsWarning):
            note = f"note: {wording(str(message))}"
            if note not in notes:
                notes.add(note)
                write_message(verbose, note)

    if verbose:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    with warnings.catch_warnings():
        warnings.showwarning = show
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)


class _StandardOutput:
    """Standard output whose errors are clear ones, but for that of a closed pipe, which typer handles."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self.has_failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text; return the number of its characters."""
        with self._clear_errors():
            return self._stream.write(text)

    def flush(self) -> None:
        """Write what the buffer holds."""
        with self._clear_errors():
            self._stream.flush()

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            self.has_failed = True
            raise InvalidInputError(f"standard output cannot be written: {error.strerror or error}") from error


@contextmanager
def clear_errors_of_standard_output() -> Iterator[None]:
    """Let an error of the system in writing to standard output be an `InvalidInputError` that says so.

    Only the stream is wrapped: an error of the system in the work of a command stays what it is, and no command has to
    do anything about the errors of what it prints, whether by typer, rich or pandas.
    """
    before = sys.stdout
    with open(os.devnull) as closed:  # takes no text: it stands for standard output that was closed before the start
        wrapped = _StandardOutput(before or closed)
        shown = cast(TextIO, wrapped)
        sys.stdout = shown
        try:
            yield
        finally:
            if sys.stdout is shown:  # typer puts a stream of its own there after a closed pipe
                sys.stdout = before
            if wrapped.has_failed:  # or the end of Python would write the rest of the buffer, and fail again
                with suppress(OSError), open(os.devnull, "w") as nowhere:
                    os.dup2(nowhere.fileno(), wrapped.fileno())


@contextmanager
def one_line_if_interrupted() -> Iterator[None]:
    """Let Ctrl-C end the command with one line, the text of the `KeyboardInterrupt` if it has one."""
    try:
        yield
    except KeyboardInterrupt as error:
        typer.echo(f"automl: {str(error) or 'interrupted'}", err=True)
        raise typer.Exit(_INTERRUPTED) from None


@contextmanager
def unsaved_if_interrupted() -> Iterator[None]:
    """Let Ctrl-C say that nothing is saved, because there is no model yet."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted before a model was ready; nothing saved") from None
