"""List the systems that `benchmarks.run` can measure, and make the virtual environments of the peers."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from benchmarks.requirements import MissingRequirementError, require_program

ENVIRONMENTS = Path(__file__).parent / ".venvs"


@dataclass(frozen=True)
class System:
    """One system.

    Attributes
    ----------
    name : str
        The part before the first underscore names its function in `benchmarks.worker`.
    package : str
        Distribution whose version is reported.
    requirements : tuple of tuple of str
        Arguments of one ``pip install`` each, in order; empty for a system that runs in this interpreter's environment.
    programs : tuple of str
        Programs that the system starts.
    """

    name: str
    package: str
    requirements: tuple[tuple[str, ...], ...] = ()
    programs: tuple[str, ...] = ()

    @property
    def environment(self) -> str:
        """Name of the virtual environment; peers of one distribution share it."""
        return self.package.split(".")[0]

    def python(self, environments: Path = ENVIRONMENTS) -> Path:
        """Return the interpreter that runs the system; a peer's environment is made where there is none.

        Raises
        ------
        MissingRequirementError
            If a package cannot be installed.
        """
        if not self.requirements:
            return Path(sys.executable)
        folder = environments / self.environment
        interpreter = folder / "bin" / "python"
        complete = folder / "installed"
        if not complete.exists():
            venv.create(folder, with_pip=False, clear=True)
            for arguments in self.requirements:
                self._install(interpreter, arguments)
            complete.touch()
        return interpreter

    def _install(self, interpreter: Path, arguments: tuple[str, ...]) -> None:
        command = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--quiet", *arguments]
        process = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if process.returncode:
            lines = process.stderr.splitlines() or ["no message"]
            errors = [line for line in lines if line.startswith("ERROR")] or lines
            raise MissingRequirementError(
                f"{self.name} cannot be measured: pip install {' '.join(arguments)} ended with: {errors[-1]}"
            )


def prepare(systems: list[System], environments: Path = ENVIRONMENTS) -> None:
    """Check the programs and make the environments of all systems before anything is measured.

    Raises
    ------
    MissingRequirementError
        If a program or a package is missing.
    """
    for system in systems:
        for program in system.programs:
            require_program(program, system.name)
    for system in systems:
        system.python(environments)


# torch comes first: where it meets a requirement, pip installs no other build with gigabytes of CUDA libraries.
_AUTOGLUON = (
    ("torch==2.13.0",),
    (
        "autogluon.tabular[lightgbm,catboost,xgboost,fastai]==1.6.3",
        "scikit-learn<1.8",  # with 1.9, its XGBoost models cannot be saved
        "torch==2.13.0",
        "psutil",
        "pyarrow",
    ),
)
_PYTABKIT = (("torch==2.13.0",), ("pytabkit[models]==1.7.3", "torch==2.13.0", "psutil", "pyarrow"))
_FLAML = (("flaml[automl]==2.7.0", "psutil", "pyarrow", "pandas<3"),)
_H2O = (("h2o==3.46.0.12", "psutil", "pyarrow", "pandas<3", "scikit-learn"),)

SYSTEMS = {
    system.name: system
    for system in (
        System("automl", "cash-automl"),
        System("automl_handmade", "cash-automl"),
        System("automl_random", "cash-automl"),
        System("automl_handmade_random", "cash-automl"),
        System("automl_hyperband", "cash-automl"),
        System("automl_bohb", "cash-automl"),
        System("automl_cpu", "cash-automl"),
        System("automl_nonets", "cash-automl"),
        System("lightgbm", "lightgbm"),
        System("forest", "scikit-learn"),
        System("net_realmlp", "cash-automl"),
        System("net_tabm", "cash-automl"),
        System("net_resnet", "cash-automl"),
        System("mlp", "scikit-learn"),
        System("catboost", "catboost"),
        System("pytabkit_realmlp", "pytabkit", _PYTABKIT),
        System("pytabkit_tabm", "pytabkit", _PYTABKIT),
        System("autogluon_best", "autogluon.tabular", _AUTOGLUON),
        System("autogluon_medium", "autogluon.tabular", _AUTOGLUON),
        System("autogluon_v150", "autogluon.tabular", _AUTOGLUON),
        System("flaml", "flaml", _FLAML),
        System("h2o", "h2o", _H2O, programs=("java",)),
    )
}
