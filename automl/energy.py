"""The energy and the CO2 of a fit: measured by codecarbon, or estimated from the seconds of processors and GPUs."""

from __future__ import annotations

import logging
import os
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from automl.errors import InvalidInputError, check_names
from pipelines.libraries import MissingLibraryError, import_library

logger = logging.getLogger(__name__)

# The estimate, after Lannelongue, Grealey and Inouye, 2021, "Green Algorithms: quantifying the carbon footprint of
# computation", Advanced Science 8 (12), section 2, with the values of that tool for an unknown processor and GPU, and
# for the world. Idle processors, memory, and cooling (a power usage effectiveness of 1) are not in it.
WATTS_OF_CORE = 12.0  # of a busy processor core
WATTS_OF_GPU = 200.0  # of a GPU in use
GRAMS_PER_KILOWATT_HOUR = 475.0  # of CO2 equivalents, the mean of the world
_SECONDS_BETWEEN_LOOKS = 2
_MOST_SECONDS_TO_END = 2.0  # beyond them, the measurement comes too late


@dataclass(frozen=True)
class Energy:
    """The energy of a fit.

    Attributes
    ----------
    processors, gpus : float
        Watt-hours of the processors with the memory, and of the GPUs.
    grams : float
        CO2 equivalents, in grams.
    source : str
        What was measured, and what was estimated.
    """

    processors: float
    gpus: float
    grams: float
    source: str

    @property
    def watt_hours(self) -> float:
        """The energy of processors, memory and GPUs."""
        return self.processors + self.gpus


def estimated_energy(processor_seconds: float, gpu_seconds: float) -> Energy:
    """Return the energy of busy processor cores and GPUs with the usual power.

    Examples
    --------
    >>> estimated_energy(3600.0, 0.0).watt_hours
    12.0
    """
    processors, gpus = WATTS_OF_CORE * processor_seconds / 3600, WATTS_OF_GPU * gpu_seconds / 3600
    return Energy(processors, gpus, GRAMS_PER_KILOWATT_HOUR * (processors + gpus) / 1000, "estimated")


def check_energy(country: Any, executor: Any) -> None:
    """Check the argument `energy` of an estimator.

    Raises
    ------
    InvalidInputError
        If it is no code of a country that codecarbon knows, if codecarbon is missing, or if the trials run elsewhere.
    """
    if country is None:
        return
    if not isinstance(country, str) or not re.fullmatch("[A-Z]{3}", country):
        raise InvalidInputError(
            f'energy must be the country of this machine in three letters, such as "DEU" or "USA"; got {country!r}'
        )
    if executor != "local":
        raise InvalidInputError('energy measures this machine only; leave it out, or use executor="local"')
    try:
        source = import_library("codecarbon.input").DataSource()
    except MissingLibraryError as error:
        raise InvalidInputError(
            f"energy needs codecarbon: {error}; install it with: pip install 'cash-automl[energy]', or leave out "
            "energy: then costs_ has estimates"
        ) from error
    check_names("energy", country, source.get_global_energy_mix_data())


class EnergyMeter:
    """Measures the energy of this process and its children with codecarbon, without network access.

    codecarbon looks for sensors for some seconds, in a thread, while the search begins. If the fit ends before, nothing
    was measured.

    Parameters
    ----------
    country : str or None
        Where the machine stands, in three letters (ISO 3166-1); None measures nothing.
    """

    def __init__(self, country: str | None):
        self._country = country
        self._has_started, self._ends = threading.Event(), threading.Event()
        self._data: Any = None
        self._thread = threading.Thread(target=self._track, name="automl-energy", daemon=True)

    def __enter__(self) -> Self:
        if self._country is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ends.set()

    def finish(self, seconds: float) -> Energy | None:
        """Return the energy of a fit that took so many seconds; None if it was not measured."""
        if self._country is None:
            return None
        was_in_time = self._has_started.is_set()
        self._ends.set()
        if was_in_time:
            self._thread.join(_MOST_SECONDS_TO_END)
        data = self._data
        if data is None or not data.duration:
            logger.warning("energy is estimated: codecarbon did not start before the end of the fit")
            return None
        scale = 1000 * seconds / data.duration  # Wh for each kWh; the seconds before its start count as the others
        measured = "measured" if _reads_rapl() else "estimated"
        source = f"codecarbon: processors {measured}, memory estimated" + ", GPUs measured" * bool(data.gpu_count)
        processors, gpus = scale * (data.cpu_energy + data.ram_energy), scale * data.gpu_energy
        return Energy(processors, gpus, scale * data.emissions, source)

    def _track(self) -> None:
        with suppress(Exception):  # codecarbon depends on files of the system, and a fit must not
            library = import_library("codecarbon")
            logging.getLogger("codecarbon").setLevel(logging.CRITICAL)  # it would write about each of its steps
            tracker = library.OfflineEmissionsTracker(
                country_iso_code=self._country, measure_power_secs=_SECONDS_BETWEEN_LOOKS, tracking_mode="process",
                output_methods=[], allow_multiple_runs=True, log_level="critical",
            )  # fmt: skip
            tracker.start()
            tracker.flush()  # it imports what it needs at the end
            self._has_started.set()
            self._ends.wait()
            tracker.stop()
            self._data = getattr(tracker, "final_emissions_data", None)


def _reads_rapl() -> bool:
    """Return whether this process may read the energy counters of the processors (Intel's and AMD's RAPL on Linux)."""
    counters = Path("/sys/class/powercap").glob("intel-rapl:*/energy_uj")
    return any(os.access(counter, os.R_OK) for counter in counters)
