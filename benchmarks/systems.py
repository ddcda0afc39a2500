"""What is measured: each system's requirements, and its own virtual environment where it is a peer."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENTS = Path(__file__).parent / ".venvs"


@dataclass(frozen=True)
class System:
    """One system.

    Attributes
    ----------
    name : str
        Also the name of its function in `benchmarks.worker`, up to an underscore.
    package : str
        Distribution whose version is reported.
    requirements : tuple of tuple of str
        Arguments of one ``pip install`` each, in order; empty for what runs in this interpreter's environment.
    """

    name: str
    package: str
    requirements: tuple[tuple[str, ...], ...] = ()

    @property
    def environment(self) -> str:
        """Peers of one distribution share an environment."""
        return self.package.split(".")[0]

    def python(self) -> Path:
        """The interpreter to run it with; makes its environment when there is none."""
        if not self.requirements:
            return Path(sys.executable)
        folder = ENVIRONMENTS / self.environment
        interpreter = folder / "bin" / "python"
        done = folder / "installed"
        if not done.exists():
            venv.create(folder, with_pip=True, clear=True)
            for arguments in self.requirements:
                subprocess.run([interpreter, "-m", "pip", "install", "--quiet", *arguments], check=True)
            done.touch()
        return interpreter


# torch first: a range that it satisfies does not pull another build with its gigabytes of CUDA libraries.
_AUTOGLUON = (
    ("torch==2.13.0",),
    ("autogluon.tabular[lightgbm,catboost,xgboost,fastai]==1.6.3", "torch==2.13.0", "psutil", "pyarrow"),
)
_PYTABKIT = (("torch==2.13.0",), ("pytabkit[models]==1.7.3", "torch==2.13.0", "psutil", "pyarrow"))

SYSTEMS = {
    system.name: system
    for system in (
        System("automl", "cash-automl"),
        System("automl_handmade", "cash-automl"),
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
        System("flaml", "flaml", (("flaml[automl]==2.7.0", "psutil", "pyarrow", "pandas<3"),)),
        System("h2o", "h2o", (("h2o==3.46.0.12", "psutil", "pyarrow", "pandas<3", "scikit-learn"),)),
    )
}
