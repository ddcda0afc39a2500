"""The description of a batch, as YAML or as a mapping, becomes a `Batch`, or one clear error."""

from __future__ import annotations

import glob
import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from automl.errors import InvalidInputError, check_names
from automl.jobs.checks import check_mapping, check_plain, check_values
from automl.jobs.job import Batch, Job, Kind, Resources, Setting, Table

KINDS: tuple[Kind, ...] = ("path", "openml", "call")
LIMITS = ("n_jobs", "memory", "time_limit")
JOB_KEYS = (*LIMITS, "priority", "retries")
COMMON_KEYS = ("target", "task", "ordered_classes", "holdout", "time", "gap", "sensitive_features")
FILE_KEYS = ("encoding", "separator", "decimal", "sheet")
TABLE_KEYS = (*KINDS, "arguments", "name", *COMMON_KEYS, "test", "validation", "settings", *FILE_KEYS, *JOB_KEYS)
TOP_KEYS = ("name", "store", "results", "defaults", "tables", "settings")
SET_BY_JOBS = {
    "n_jobs": "it is a key of the job",
    "store": "each job has a run directory of its own",
    "callbacks": "jobs run in other processes",
    "verbose": "each job writes a log",
}

_Keyed = tuple[Setting, Mapping[str, Any]]  # a setting, and its keys for jobs


def read_batch(
    description: str | os.PathLike[str] | Mapping[str, Any],
    with_jobs: bool = True,
    problems: list[str] | None = None,
) -> Batch:
    """Read and check a batch.

    Parameters
    ----------
    description : path or mapping
        A YAML file, or a mapping with the same keys. Relative paths start at the folder of the file; those of a mapping
        start at the working directory.
    with_jobs : bool
        Whether to read the jobs, too. Otherwise only the name, the queue and the folder of the results are read.
    problems : list of str, optional
        List to which the message about each key and each entry that cannot be used is added. The batch then has the
        jobs of the other entries, without these keys, so that they can be checked further.

    Raises
    ------
    InvalidInputError
        If an entry cannot be used, and there is no list `problems`. The message names the first such entry and says how
        to correct it.
    """
    if isinstance(description, Mapping):
        given, name, folder = description, "jobs", Path.cwd()
    else:
        path = Path(description)
        given, name, folder = _read_yaml(path), path.stem, path.absolute().parent
    places = {}
    for key, value in given.items():
        with _collected(problems):
            check_names("the batch", key, TOP_KEYS)
            if key in ("name", "store", "results"):
                check_values("the batch", {key: value})
                places[key] = value
    results = folder / places.get("results", "results")
    queue = places.get("store", str(results / "jobs.sqlite"))
    queue = queue if "://" in queue else str(folder / queue)
    jobs = tuple(_all_jobs(given, folder, problems)) if with_jobs else ()
    return Batch(places.get("name", name), folder, queue, results, jobs)


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise InvalidInputError("batches of jobs need PyYAML; pip install 'cash-automl[jobs]'") from error
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInputError(f"'{path}' cannot be read: {error.strerror}; check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"'{path}' is not YAML: {error}") from error
    return check_mapping(f"'{path}'", read)


@contextmanager
def _collected(problems: list[str] | None) -> Iterator[None]:
    """Add the message of an error in the block to a list; without a list, raise the error."""
    try:
        yield
    except InvalidInputError as error:
        if problems is None:
            raise
        problems.append(str(error))


def _all_jobs(given: Mapping[str, Any], folder: Path, problems: list[str] | None) -> list[Job]:
    defaults: dict[str, Any] = {}
    with _collected(problems):
        keys = check_mapping("defaults", given.get("defaults") or {})
        defaults = _usable("defaults", keys, (*COMMON_KEYS, *JOB_KEYS), problems)
    settings: dict[str, _Keyed | None] = {}
    with _collected(problems):
        for name, value in check_mapping("settings", given.get("settings") or {"default": None}).items():
            settings[name] = None  # tables may name it, even if it cannot be used
            with _collected(problems):
                settings[name] = _setting(name, value, problems)
    jobs: list[Job] = []
    entries = given.get("tables")
    with _collected(problems):
        if not isinstance(entries, list) or not entries:
            raise InvalidInputError(
                "tables must be a list with at least one entry such as {path: data/*.csv, target: y}"
            )
        for number, entry in enumerate(entries, start=1):
            with _collected(problems):
                jobs += list(_jobs(number, entry, settings, defaults, folder, problems))
        if not problems:  # without the keys that cannot be used, different jobs may look the same
            _check_different(jobs)
    _check_parameters(jobs, problems)
    return jobs


def _usable(entry: str, given: Mapping[str, Any], known: Sequence[str], problems: list[str] | None) -> dict[str, Any]:
    """Return the keys that are known and have a value that can be used."""
    found = {}
    for key, value in given.items():
        with _collected(problems):
            check_names(entry, key, known)
            check_values(entry, {key: value})
            found[key] = value
    return found


def _setting(name: str, value: Any, problems: list[str] | None) -> _Keyed:
    """Return a setting, and its keys for jobs."""
    entry = f"settings: {name}"
    keys = check_mapping(entry, value or {})
    own = _usable(entry, {key: keys[key] for key in JOB_KEYS if key in keys}, JOB_KEYS, problems)
    estimator = keys.get("estimator", "automl")
    check_values(entry, {"estimator": estimator})
    parameters = {}
    for key in keys:
        if key not in (*JOB_KEYS, "estimator"):
            with _collected(problems):
                check_plain(entry, {key: keys[key]})
                if estimator == "automl":
                    _check_automl_name(entry, key)
                parameters[key] = keys[key]
    return Setting(name, estimator, parameters), own


def automl_parameters() -> list[str]:
    """Return the names of the parameters of our estimators that a setting may have."""
    from automl.estimator import AutoMLClassifier, AutoMLRegressor

    both = (inspect.signature(AutoMLClassifier).parameters, inspect.signature(AutoMLRegressor).parameters)
    return [name for name in dict.fromkeys(name for each in both for name in each) if name not in SET_BY_JOBS]


def _check_automl_name(entry: str, name: str) -> None:
    if name in SET_BY_JOBS:
        raise InvalidInputError(f"{entry}: {name} cannot be set here ({SET_BY_JOBS[name]}); remove it")
    check_names(entry, name, [*automl_parameters(), *JOB_KEYS, "estimator"])


def _jobs(
    number: int,
    value: Any,
    settings: Mapping[str, _Keyed | None],
    defaults: Mapping[str, Any],
    folder: Path,
    problems: list[str] | None,
) -> Iterator[Job]:
    """Yield the jobs of one entry of `tables`."""
    given = check_mapping(f"tables: entry {number}", value)
    sources = [kind for kind in KINDS if kind in given]
    entry = f"tables: entry {number}" + (f" ({given[sources[0]]})" if sources else "")
    if callable(given.get("call")):
        given = {**given, "call": _name_of(given["call"], entry)}
    keys = _usable(entry, given, TABLE_KEYS, problems)
    if len(sources) != 1:
        raise InvalidInputError(f"{entry} must name its table by exactly one of {', '.join(KINDS)}")
    kind = sources[0]
    if kind not in keys:  # its value is one of the problems
        return
    check_plain(entry, keys.get("arguments", {}))
    check_names(f"{entry}: settings", keys.get("settings", []), settings)
    for table in _tables(kind, {**defaults, **keys}, entry, folder):
        for name in keys.get("settings", settings):
            if (usable := settings[name]) is not None:
                setting, own = usable
                yield _job(table, setting, {**defaults, **own, **keys})


def _job(table: Table, setting: Setting, keys: Mapping[str, Any]) -> Job:
    resources = Resources(**{key: keys[key] for key in LIMITS if key in keys})
    return Job(table, setting, resources, keys.get("priority", 0), keys.get("retries", 2))


def _tables(kind: Kind, keys: Mapping[str, Any], entry: str, folder: Path) -> Iterator[Table]:
    """Yield one table for each file that a pattern matches; one table for any other source."""
    if kind == "path" and "target" not in keys:
        raise InvalidInputError(f"{entry}: target is missing; name the column to predict")
    if kind != "call" and "arguments" in keys:
        raise InvalidInputError(f"{entry}: arguments are for a callable (call: ...); remove them")
    for key in ("test", "validation"):
        if key in keys and not (folder / keys[key]).is_file():
            raise InvalidInputError(f"{entry}: there is no {key} file '{keys[key]}'; check the path")
    if "validation" in keys and "time" in keys:
        raise InvalidInputError(f"{entry}: validation and time exclude each other; remove one of them")
    if "gap" in keys and "time" not in keys:
        raise InvalidInputError(f"{entry}: gap needs time, the column with the time of each row")
    if "ordered_classes" in keys and keys.get("task") == "regression":
        raise InvalidInputError(f"{entry}: ordered_classes is for classes, not for numbers; remove one of the two keys")
    further = [keys[key] for key in ("test", "validation") if key in keys]
    sources = _files(keys["path"], entry, folder) if kind == "path" else [str(keys[kind])]
    _check_reading(kind, keys, entry, [folder / path for path in (*sources, *further)])
    if len(sources) > 1 and (single := [key for key in ("name", "test", "validation") if key in keys]):
        which = single[0]
        raise InvalidInputError(f"{entry}: {which} is for one table, but the pattern matches {len(sources)}; remove it")
    for source in sources:
        yield Table(
            name=keys.get("name", _default_name(kind, source)),
            kind=kind,
            source=source,
            arguments=dict(keys.get("arguments", {})),
            target=keys.get("target"),
            task=keys.get("task", "auto"),
            ordered_classes=[*map(str, keys["ordered_classes"])] if "ordered_classes" in keys else None,
            test=keys.get("test"),
            holdout=None if "test" in keys else keys.get("holdout"),
            reading={key: str(keys[key]) for key in FILE_KEYS if key in keys},
            time=keys.get("time"),
            gap=keys.get("gap", 0),
            validation=keys.get("validation"),
            sensitive_features=_list_of(keys.get("sensitive_features", [])),
        )


def _list_of(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _check_reading(kind: Kind, keys: Mapping[str, Any], entry: str, files: Sequence[Path]) -> None:
    """Check the keys that describe the files."""
    from automl.table_files.reading import check_formats
    from automl.table_files.text import FileKeys

    given = {key: str(keys[key]) for key in FILE_KEYS if key in keys}
    if given and kind != "path":
        raise InvalidInputError(f"{entry}: {min(given)} is for a file (path: ...); remove it")
    try:
        options = FileKeys(**given)
        options.check()
        if given:
            check_formats(options, files)
    except InvalidInputError as error:
        raise InvalidInputError(f"{entry}: {error}") from error


def _files(pattern: str, entry: str, folder: Path) -> list[str]:
    from automl.table_files.reading import check_ending

    if not glob.has_magic(pattern):
        found = [pattern] if (folder / pattern).exists() else []
    else:
        found = sorted(
            path for path in glob.glob(pattern, root_dir=folder, recursive=True) if (folder / path).is_file()
        )
    if not found:
        raise InvalidInputError(f"{entry}: there is no such file in '{folder}'; check the path")
    for path in found:
        if not (folder / path).is_dir():  # a folder of Parquet files
            check_ending(Path(path))
    return found


def _default_name(kind: Kind, source: str) -> str:
    if kind == "path":
        return Path(source).name.split(".")[0] or Path(source).name
    return f"openml{source}" if kind == "openml" else source.partition(":")[2]


def _name_of(function: Callable[..., Any], entry: str) -> str:
    """Return ``module:name`` of a callable that another process can import."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "<unnamed>")
    if module in (None, "__main__") or "<" in name:
        raise InvalidInputError(f"{entry}: {name} cannot be imported by other processes; put it into a module file")
    return f"{module}:{name}"


def _check_different(jobs: Sequence[Job]) -> None:
    seen: dict[str, Job] = {}
    for job in jobs:
        other = seen.setdefault(job.id, job)
        if other is not job:
            raise InvalidInputError(
                f"jobs {other.table.name}-{other.setting.name} and {job.table.name}-{job.setting.name} are the "
                "same fit; remove one"
            )


def _check_parameters(jobs: Sequence[Job], problems: list[str] | None) -> None:
    """Check the parameters of the search, as far as this is possible without the tables."""
    seen = {(job.setting.name, job.table.task): job for job in jobs if job.setting.estimator == "automl"}
    if not seen:
        return
    from automl.arguments import check_arguments

    for (name, task), job in seen.items():
        tasks = {"auto": (True, False), "classification": (True,), "regression": (False,)}[task]
        errors = []
        for classification in tasks:
            try:
                check_arguments(job.setting.parameters, classification)
            except InvalidInputError as error:
                errors.append(error)
        if len(errors) == len(tasks):
            with _collected(problems):
                raise InvalidInputError(f"settings: {name}: {errors[0]}") from errors[0]
