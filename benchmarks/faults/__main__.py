"""Run the campaign: ``python -m benchmarks.faults --n 20 --out faults.csv``; a second call goes on where it ended."""

from __future__ import annotations

import argparse
import csv
import json
import os
import selectors
import subprocess
import sys
import threading
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.faults.kinds import KINDS
from benchmarks.faults.leftovers import TOKEN, end_session

WORDS = {
    "main_killed": "main process killed with -9, then resumed",
    "interrupt": "Ctrl-C, later fit of a process",
    "worker_killed": "worker killed with -9",
    "interrupt_new_process": "Ctrl-C, first fit of a process",
    "hang": "component hangs in Python",
    "spin": "component spins in C and holds the lock of the interpreter",
    "allocate": "component allocates without bound",
    "segfault": "component segfaults",
    "exit": "component calls `os._exit`",
    "raise": "component raises in its constructor",
    "nan": "component predicts NaN or infinity",
    "wrong_shape": "component predicts a wrong shape",
    "wrong_dtype": "component predicts a wrong type",
    "fill_disk": "component fills the disk",
    "print": "component prints megabytes",
    "leave_children": "component leaves a thread and two processes",
    "die_with_children": "component leaves a thread and two processes, and its worker dies",
    "small_folder": "small disk for temporary files",
    "full_folder": "disk that is full, or fills up at a random moment",
    "server_killed": "process that starts the workers killed with -9",
    "daemonic_pool": "fit in a process of `multiprocessing.Pool`",
    "two_fits": "two fits in two threads",
    "few_descriptors": "0 to 39 free file descriptors",
    "read_only_folder": "read-only temporary, working or run directory",
    "no_shared_memory": "`/dev/shm` that cannot be written to",
    "fork_while_predicting": "fork while another thread predicts",
    "long_folder": "temporary folder with a long or unusual name",
}
FIELDS = ("kind", "seed", "survived", "outcome", "moment", "budget", "seconds", "left")
_SILENCE = 150.0  # seconds without a line after which an injection counts as a hang
_plugin = str(Path(__file__).parent / "plugin")
_lock = threading.Lock()


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file of the campaign."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def run_kind(kind: str, n: int, out: Path) -> None:
    """Inject the faults of a kind that are not in the file yet, in as many processes as it takes."""
    while missing := sorted(set(range(n)) - {int(row["seed"]) for row in read(out) if row["kind"] == kind}):
        n_rows = _run_session(kind, missing, out)
        if n_rows < len(missing):
            reason = f"no answer for {_SILENCE:.0f} s, or the process died"
            _write(out, {"kind": kind, "seed": missing[n_rows], "survived": False, "outcome": reason})


def _run_session(kind: str, seeds: list[int], out: Path) -> int:
    """Return the number of rows that a session has written before it ended or fell silent."""
    token = uuid.uuid4().hex
    path = os.pathsep.join([_plugin, os.environ.get("PYTHONPATH", os.getcwd())])
    environment = {**os.environ, TOKEN: token, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.faults.session", kind, ",".join(map(str, seeds))]
    if os.geteuid() == 0:  # a folder for shared memory that no other program uses; or a folder that cannot be used
        options = "ro" if kind == "no_shared_memory" else "rw"
        mount = f'umount -l /dev/shm; mount -t tmpfs -o {options} tmpfs /dev/shm; exec "$@"'
        command = ["unshare", "-m", "sh", "-c", mount, "sh", *command]
    errors = out.with_suffix(f".{kind}.log").open("ab")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, start_new_session=True)
    assert process.stdout is not None
    n_rows = 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(_SILENCE) and (line := process.stdout.readline()):
            _write(out, json.loads(line))
            n_rows += 1
    end_session(token)
    process.wait()
    errors.close()
    return n_rows


def _write(out: Path, row: dict[str, Any]) -> None:
    with _lock, out.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)


def print_table(rows: list[dict[str, str]]) -> None:
    """Print a line of Markdown for each kind."""
    by_kind = defaultdict(list)
    for row in rows:
        by_kind[row["kind"]].append(row)
    print("| fault | injections | survived | nothing left | longest overrun (s) |\n|---|--:|--:|--:|--:|")
    for kind in KINDS:
        if found := by_kind[kind]:
            survived = sum(row["survived"] == "True" for row in found)
            clean = sum(not row["left"] for row in found)
            over = [float(row["seconds"]) - float(row["budget"]) for row in found if float(row["budget"] or 0)]
            longest = f"{max(over):.1f}" if over else ""
            print(f"| {WORDS[kind]} | {len(found)} | {survived} | {clean} | {longest} |")


def main() -> None:
    """Run the campaign, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default=",".join(KINDS), help="names, with commas; NAME:N for another number")
    parser.add_argument("--n", type=int, default=20, help="injections of each kind")
    parser.add_argument("--out", type=Path, default=Path("faults.csv"), help="the file with a row for each injection")
    parser.add_argument("--at-once", type=int, default=2, help="kinds that run at the same time")
    arguments = parser.parse_args()
    with ThreadPoolExecutor(arguments.at_once) as pool:
        for entry in arguments.kinds.split(","):
            kind, _, n = entry.partition(":")
            pool.submit(run_kind, kind, int(n or arguments.n), arguments.out)
    print_table(read(arguments.out))


if __name__ == "__main__":
    main()
