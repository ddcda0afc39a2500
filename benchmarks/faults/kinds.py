"""The kinds of faults: each is a function that injects one fault and returns what came of it."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from automl import AutoMLClassifier
from automl.execute import processes
from benchmarks.faults.runs import (
    CLEAN,
    N_SEEDS,
    Outcome,
    check_model,
    classifier,
    describe,
    fit_and_check,
    in_child,
    read_outcome,
    rng_of,
    summary,
    table,
    undisturbed,
)

Kind = Callable[[random.Random, int], Outcome]
COMPONENT_FAULTS = (
    "hang",
    "spin",
    "allocate",
    "segfault",
    "exit",
    "raise",
    "nan",
    "wrong_shape",
    "wrong_dtype",
    "fill_disk",
    "print",
    "leave_children",
    "die_with_children",
)


def component(kind: str) -> Kind:
    """Return the injection of a faulty component."""

    def inject(rng: random.Random, seed: int) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="faults-") as base:
            counter = Path(base, "count")
            counter.write_bytes(b"")
            os.environ["AUTOML_FAULT_COUNT"] = str(counter)
            while True:  # until a fault has happened
                os.environ["AUTOML_FAULT"] = f"{kind}:{rng.random()}:{rng.uniform(0.3, 1):.2f}"
                try:
                    outcome = _fit_with_faults(kind, rng, seed)
                finally:
                    del os.environ["AUTOML_FAULT"]
                if n := counter.stat().st_size:
                    return outcome._replace(moment=f"{n} faults; {outcome.moment}")

    return inject


def _fit_with_faults(kind: str, rng: random.Random, seed: int) -> Outcome:
    settings: dict[str, Any] = {"n_jobs": rng.choice([1, 2])}
    if rng.random() < 0.3:
        settings["include"] = ["decision_tree"]
    if kind in ("hang", "spin"):
        settings["trial_time_limit"] = 0.5
    if kind == "allocate":
        settings["memory_limit"] = rng.uniform(800, 1500)
    if rng.random() < 0.3:
        settings.update(time_budget=rng.uniform(2, 3), max_trials=None)
    if kind == "fill_disk":
        with _disk(rng.randrange(3, 9)):
            return fit_and_check(classifier(seed, **settings), CLEAN)
    return fit_and_check(classifier(seed, **settings), CLEAN)


def worker_killed(rng: random.Random, seed: int) -> Outcome:
    """Kill one worker, or all of them, at a random moment; sometimes twice."""
    killed: list[str] = []
    done = threading.Event()

    def kill() -> None:
        started = time.monotonic()
        for _ in range(rng.choice([1, 1, 2])):
            while not (workers := _workers()) and not done.is_set():
                time.sleep(0.002)
            done.wait(rng.uniform(0, 0.5))
            workers = _workers()
            for worker in workers if rng.random() < 0.2 else workers[:1]:
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
                    killed.append(f"{time.monotonic() - started:.2f}")

    thread = threading.Thread(target=kill)
    thread.start()
    outcome = fit_and_check(classifier(seed, n_jobs=rng.choice([1, 2])), CLEAN)
    done.set()
    thread.join()
    return outcome._replace(moment=f"{len(killed)} killed at {' '.join(killed)} s")


def _workers() -> list[int]:
    server = processes._server
    if server is None:
        return []
    with suppress(psutil.Error):
        return [child.pid for child in psutil.Process(server.process.pid).children()]
    return []


def server_killed(rng: random.Random, seed: int) -> Outcome:
    """Kill the process that starts the workers at a random moment."""
    moment = rng.uniform(0, 1.5)

    def kill() -> None:
        time.sleep(moment)
        if processes._server is not None:
            with suppress(ProcessLookupError):
                os.kill(processes._server.process.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    outcome = fit_and_check(classifier(seed), CLEAN)
    thread.join()
    return outcome._replace(moment=f"{moment:.2f} s")


def main_killed(rng: random.Random, seed: int) -> Outcome:
    """Kill the main process once or twice with SIGKILL, resume the run, and compare it with an undisturbed run."""
    run_seed = seed % N_SEEDS
    expected = json.loads(undisturbed(run_seed))
    with tempfile.TemporaryDirectory(prefix="faults-") as base:
        store, moments = Path(base, "run"), []
        for _ in range(rng.choice([1, 1, 1, 2])):
            pid, receiver = in_child(lambda: fit_and_check(classifier(run_seed, store=store)), Path(base, "errors"))
            moments.append(_wait_for_a_moment(rng, pid, store))
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                moments[-1] += " (after its end)"
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            read_outcome(receiver)
        finished = _finished(store)
        model = classifier(run_seed, store=store)
        try:
            model.fit(*table())
            found = summary(model)
        except Exception as error:  # noqa: BLE001
            return Outcome(False, f"not resumed: {describe(error)}", " then ".join(moments))
        problems = []
        if found["trials"][: len(finished)] != finished:
            problems.append("a finished trial was lost")
        if len(_finished(store)) != len({json.dumps(trial) for trial in _finished(store)}):
            problems.append("a trial ran twice")
        if found["trials"] != expected["trials"] or found["weights"] != expected["weights"]:
            problems.append("another history or ensemble")
        if not np.array_equal(found["predictions"], expected["predictions"]):
            problems.append("other predictions")
        return Outcome(not problems, ", ".join(problems) or "the same model", " then ".join(moments))


def _wait_for_a_moment(rng: random.Random, pid: int, store: Path) -> str:
    """Wait for a random moment: any moment of the start, or one soon after a random number of finished trials."""
    started = time.monotonic()
    if rng.random() < 0.25:
        time.sleep(rng.uniform(0, 6))
    else:
        n, delay = rng.randrange(0, 5), rng.uniform(0, 0.3)
        while len(_finished(store)) < n and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.005)
        time.sleep(delay)
    return f"{time.monotonic() - started:.2f} s with {len(_finished(store))} trials"


def _finished(store: Path) -> list[Any]:
    """Return the configuration and the folds of each trial in a run directory."""
    from pipelines.configuration import Configuration

    try:
        lines = (store / "history.jsonl").read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(ValueError):
            entry = json.loads(line)
            found.append([Configuration(entry["configuration"]).id, list(entry["folds"])])
    return found


def interrupt(rng: random.Random, seed: int) -> Outcome:
    """Send Ctrl-C at a random moment to a process that has fitted before; sometimes twice."""
    moments = [rng.uniform(0, rng.choice([0.6, 3]))]
    if rng.random() < 0.2:
        moments.append(rng.uniform(0, 0.4))
    ended = threading.Event()

    def send() -> None:
        for moment in moments:
            if not ended.wait(moment):
                os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    limits: dict[str, Any] = {"time_budget": 3, "max_trials": None} if moments[0] > 0.6 else {"max_trials": 8}
    try:
        try:
            thread.start()
            outcome = fit_and_check(classifier(seed, **limits), (KeyboardInterrupt,))
        finally:
            ended.set()
            thread.join()
    except KeyboardInterrupt:  # after the fit
        outcome = Outcome(True, "KeyboardInterrupt: after the fit")
    return outcome._replace(moment=" then ".join(f"{moment:.2f} s" for moment in moments))


def interrupt_new_process(rng: random.Random, seed: int) -> Outcome:
    """Send Ctrl-C at a random moment to a new process, or to its whole group as a terminal does."""
    with tempfile.TemporaryDirectory(prefix="faults-") as base:
        moment, group = rng.uniform(0, 8), rng.random() < 0.7
        pid, receiver = in_child(
            lambda: fit_and_check(classifier(seed, time_budget=8, max_trials=None), (KeyboardInterrupt,)),
            Path(base, "errors"),
        )
        time.sleep(moment)
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(pid, signal.SIGINT)
        outcome = read_outcome(receiver)
        os.waitpid(pid, 0)
        errors = Path(base, "errors").read_text(errors="replace")
        if outcome is None:
            outcome = Outcome("KeyboardInterrupt" in errors and moment < 0.1, "the process died")
        if outcome.survived and ("Traceback" in errors or "Exception ignored" in errors):
            outcome = Outcome(False, "a traceback: " + " | ".join(errors.splitlines()[-3:]))
        return outcome._replace(moment=f"{moment:.2f} s, {'group' if group else 'main process'}", budget=8.0)


def two_fits(rng: random.Random, seed: int) -> Outcome:
    """Run two fits in two threads of one process; each must give the model that it gives alone."""
    seeds = [seed % N_SEEDS, (seed + 1) % N_SEEDS]
    expected = [undisturbed(s) for s in seeds]
    found: list[str] = ["", ""]

    def fit(number: int) -> None:
        try:
            found[number] = json.dumps(summary(classifier(seeds[number]).fit(*table())))
        except BaseException as error:  # noqa: BLE001
            found[number] = describe(error)

    threads = [threading.Thread(target=fit, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(rng.uniform(0, 0.5))
    for thread in threads:
        thread.join()
    wrong = [f for f, e in zip(found, expected, strict=True) if f != e]
    return Outcome(not wrong, f"not the model that it gives alone: {wrong[0][:200]}" if wrong else "the same models")


@contextmanager
def _temporary(folder: Path) -> Iterator[None]:
    """Let the folder be the one for temporary files."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    variable = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
        os.environ.pop("TMPDIR", None)
        if variable is not None:
            os.environ["TMPDIR"] = variable


@contextmanager
def _disk(megabytes: float, options: str = "rw") -> Iterator[Path]:
    """Mount a small disk as the folder for temporary files; needs the rights of an administrator."""
    with tempfile.TemporaryDirectory(prefix="faults-") as base:
        kilobytes = int(megabytes * 1024)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"{options},size={kilobytes}k", "tmpfs", base], check=True)
        try:
            with _temporary(Path(base)):
                yield Path(base)
            left = [name for name in os.listdir(base) if name.startswith("automl-")]
            if left:
                raise RuntimeError(f"left on the disk: {left}")
        finally:
            subprocess.run(["umount", "-l", base], check=True)


def small_folder(rng: random.Random, seed: int) -> Outcome:
    """Fit with a small disk for temporary files."""
    size = rng.uniform(0.8, 4)
    with _disk(size):
        model = classifier(seed, max_trials=rng.choice([4, 12]))
        return fit_and_check(model, CLEAN)._replace(moment=f"{size:.1f} MB")


def full_folder(rng: random.Random, seed: int) -> Outcome:
    """Fit with a disk that is full from the start, or fills up at a random moment."""
    with _disk(4) as folder:
        moment = rng.choice([0.0, rng.uniform(0, 1.2)])

        def fill() -> None:
            time.sleep(moment)
            with suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(2**12))

        thread = threading.Thread(target=fill)
        thread.start()
        if not moment:
            thread.join()
        outcome = fit_and_check(classifier(seed), CLEAN)
        thread.join()
        return outcome._replace(moment=f"{moment:.2f} s")


def long_folder(rng: random.Random, seed: int) -> Outcome:
    """Fit with a folder for temporary files whose name is long, or holds unusual characters."""
    with tempfile.TemporaryDirectory(prefix="faults-") as base:
        names = [rng.choice(["x" * rng.randrange(100, 250), "é ü 名 'q' %s {a}", "a b\tc"]) for _ in range(4)]
        folder = Path(base, *names)
        folder.mkdir(parents=True)
        with _temporary(folder):
            outcome = fit_and_check(classifier(seed))
            left = os.listdir(folder)
        if left:
            return Outcome(False, f"left: {left}")
        return outcome._replace(moment=f"{len(str(folder))} characters")


def read_only_folder(rng: random.Random, seed: int) -> Outcome:
    """Fit with a read-only folder for temporary files, working directory or run directory."""
    with tempfile.TemporaryDirectory(prefix="faults-") as base:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", base], check=True)
        what = rng.choice(["temporary", "working", "run"])
        directory = os.getcwd()
        try:
            if what == "temporary":
                with _temporary(Path(base)):
                    outcome = fit_and_check(classifier(seed), CLEAN)
            elif what == "working":
                os.chdir(base)
                outcome = fit_and_check(classifier(seed))
            else:
                outcome = fit_and_check(classifier(seed, store=Path(base, "run")), CLEAN)
        finally:
            os.chdir(directory)
            subprocess.run(["umount", "-l", base], check=True)
        return outcome._replace(moment=what)


def few_descriptors(rng: random.Random, seed: int) -> Outcome:
    """Fit with few file descriptors; sometimes the process that starts the workers has few, too."""
    if rng.random() < 0.3:
        processes._close_server()
        processes._server = None
    n, limits = rng.randrange(0, 40), resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd")) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + n, limits[1]))
    try:
        outcome = fit_and_check(classifier(seed, n_jobs=rng.choice([1, 2])), (*CLEAN, OSError))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        processes._close_server()  # it may have the limit
        processes._server = None
        classifier(0, max_trials=1).fit(*table())
    return outcome._replace(moment=f"{n} more")


def no_shared_memory(rng: random.Random, seed: int) -> Outcome:
    """Fit where nothing can be written to /dev/shm; the campaign starts this kind with such a folder."""
    if os.path.ismount("/dev/shm") and os.access("/dev/shm", os.W_OK):
        return Outcome(False, "the folder can be used")
    return fit_and_check(classifier(seed, n_jobs=rng.choice([1, 2])))


_predicting: list[AutoMLClassifier] = []


def fork_while_predicting(rng: random.Random, seed: int) -> Outcome:
    """Fork a process while another thread predicts; the new process must predict the same, and end."""
    if not _predicting:
        _predicting.append(classifier(0, include=["decision_tree", "lightgbm", "random_forest"]).fit(*table()))
    model, X = _predicting[0], table()[0]
    expected, stop = model.predict_proba(X), threading.Event()

    def predict() -> None:
        while not stop.is_set():
            model.predict_proba(X)

    thread = threading.Thread(target=predict)
    thread.start()
    time.sleep(moment := rng.uniform(0, 0.1))

    def work() -> Outcome:
        same = np.allclose(model.predict_proba(X), expected)
        return Outcome(same, "model" if same else "other predictions")

    pid, receiver = in_child(work, Path(os.devnull))
    ended = _ends(pid, 30)
    stop.set()
    thread.join()
    outcome = read_outcome(receiver)
    if not ended:
        return Outcome(False, "the new process hangs", f"{moment:.2f} s")
    return (outcome or Outcome(False, "the new process died"))._replace(moment=f"{moment:.2f} s")


def _ends(pid: int, seconds: float) -> bool:
    """Wait for a child, and kill it if it does not end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def daemonic_pool(rng: random.Random, seed: int) -> Outcome:
    """Fit in the daemonic process of a pool, which `multiprocessing` forbids to have children."""
    with multiprocessing.get_context(rng.choice(["fork", "fork", "spawn"])).Pool(1) as pool:
        return Outcome(*pool.apply(_fit_in_pool, (seed,)))


def _fit_in_pool(seed: int) -> tuple[Any, ...]:
    return tuple(fit_and_check(classifier(seed)))


KINDS: dict[str, Kind] = {
    "main_killed": main_killed,
    "interrupt": interrupt,
    "worker_killed": worker_killed,
    "interrupt_new_process": interrupt_new_process,
    **{name: component(name) for name in COMPONENT_FAULTS},
    "small_folder": small_folder,
    "full_folder": full_folder,
    "server_killed": server_killed,
    "daemonic_pool": daemonic_pool,
    "two_fits": two_fits,
    "few_descriptors": few_descriptors,
    "read_only_folder": read_only_folder,
    "no_shared_memory": no_shared_memory,
    "fork_while_predicting": fork_while_predicting,
    "long_folder": long_folder,
}


def inject(kind: str, seed: int) -> Outcome:
    """Inject one fault; whatever the injection itself raises is an outcome, too."""
    try:
        return KINDS[kind](rng_of(kind, seed), seed)
    except BaseException as error:  # noqa: BLE001
        return Outcome(False, "the injection failed: " + describe(error))


__all__ = ["KINDS", "check_model", "inject"]
