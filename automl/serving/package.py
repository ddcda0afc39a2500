"""A folder from which a container image with one model and its server can be built."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import InvalidInputError
from automl.persistence.manifest import MANIFEST, SEARCH, refuse_mount_point, takes_files
from automl.persistence.requirements import model_libraries, server_requirements
from automl.refit.rows import ROWS_FILE
from automl.serving.model import ServedColumn, ServedModel
from automl.serving.wheel import write_wheel
from meta_db.files import find_folder, replace_folder

if TYPE_CHECKING:
    from automl.base import BaseAutoML

PORT = 8000
_FILES = {"Dockerfile", "README.md", "requirements.txt", "model"}
_DOCKERFILE = """\
FROM python:{python}-slim
{system}RUN useradd --create-home --uid 10001 automl
WORKDIR /app
COPY requirements.txt *.whl ./
# The wheel requires the libraries of all models; requirements.txt has the libraries of this model.
RUN pip install --no-cache-dir -r requirements.txt && pip install --no-cache-dir --no-deps ./*.whl
COPY model model
USER automl
ENV PYTHONUNBUFFERED=1
EXPOSE {port}
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import http.client; \\
    c = http.client.HTTPConnection('127.0.0.1', {port}, timeout=5); c.request('GET', '/health'); \\
    raise SystemExit(c.getresponse().status != 200)"]
CMD ["automl", "serve", "model", "--host", "0.0.0.0", "--port", "{port}"]
"""
_OPENMP = """\
# LightGBM needs OpenMP.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
"""
_README = """\
# A server of predictions

This folder holds a saved {model} and all that its server needs. Build an image, start a server, and ask it:

```sh
docker build -t predictions .
docker run --rm -p 127.0.0.1:{port}:{port} predictions
curl http://127.0.0.1:{port}/predict -H 'Content-Type: application/json' -d '{body}'
```

Without Docker, with Python {python}:

```sh
python -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/pip install --no-deps ./*.whl
venv/bin/automl serve model
```

`http://127.0.0.1:{port}/schema` describes the columns, `/openapi.json` the requests, `/health` whether the server is
ready, and `/metrics` its load.
"""


def write_package(source: Path, estimator: BaseAutoML, out: Path) -> None:
    """Write the folder for a container: Dockerfile, requirements, the wheel of this project, README and the model.

    The copy of the model lacks what predictions do not need: the record of the search, and the training rows.

    Parameters
    ----------
    source : Path
        Folder of the saved model.
    estimator : AutoMLClassifier or AutoMLRegressor
        The loaded model.
    out : Path
        Folder to write. A folder that was written here before is replaced.

    Raises
    ------
    InvalidInputError
        If `out` holds something else or cannot be written, or if a requirement of the model is not installed.
    """
    check_out(out)
    libraries = model_libraries(estimator)
    requirements = server_requirements(libraries)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    system = _OPENMP if "lightgbm" in libraries else ""
    served = ServedModel(estimator)
    body = json.dumps({"rows": [{c.name: example(c) for c in served.columns if c.used}]}).replace("'", "\\u0027")
    try:
        with replace_folder(Path(os.path.realpath(out))) as partial:
            (partial / "Dockerfile").write_text(_DOCKERFILE.format(python=python, system=system, port=PORT))
            (partial / "requirements.txt").write_text("\n".join(requirements) + "\n")
            readme = _README.format(model=served.name, python=python, port=PORT, body=body)
            (partial / "README.md").write_text(readme, encoding="utf-8")
            write_wheel(partial)
            _copy_model(find_folder(source), estimator, partial)
    except OSError as error:
        raise InvalidInputError(f"'{out}' cannot be written: {error}") from error


def _copy_model(folder: Path, estimator: BaseAutoML, out: Path) -> None:
    """Copy a saved model, or the model of a run directory, without the training rows: many people can read an image."""
    without_rows = shutil.ignore_patterns(SEARCH, ROWS_FILE)
    if (folder / MANIFEST).exists():
        shutil.copytree(folder, out / "model", ignore=without_rows)
        return
    estimator.save(out / "saved")
    shutil.copytree(out / "saved", out / "model", ignore=without_rows)
    shutil.rmtree(out / "saved")


def check_out(out: Path) -> None:
    """Raise an error if a path exists and is not a folder that `write_package` has written and can replace."""
    refuse_mount_point(out)
    if not out.exists():
        parent = next(path for path in out.absolute().parents if path.exists())
        if not takes_files(parent):
            raise InvalidInputError(f"'{out}' cannot be written: no file can be made in '{parent}'; name another path")
        return
    found = {file.name for file in out.iterdir()} if out.is_dir() else {out.name}
    others = {name for name in found if not name.endswith(".whl")} - _FILES
    if not out.is_dir() or others or (found and "Dockerfile" not in found):
        raise InvalidInputError(f"'{out}' exists and is not a folder of 'automl package'; name another path with --out")


def example(column: ServedColumn) -> Any:
    """Return a value of a column for the example of a request."""
    if column.levels:
        return column.levels[0]
    return {"number": 0, "boolean": True, "date": column.example_date, "time": "08:15:30", "text": "some words"}.get(
        column.kind
    )
