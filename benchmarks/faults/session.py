"""One process of the campaign: it injects faults of one kind, and writes a line of JSON for each."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from multiprocessing import resource_tracker

from benchmarks.faults.kinds import inject
from benchmarks.faults.leftovers import State, left_after
from benchmarks.faults.runs import classifier, table


def main(kind: str, seeds: list[int]) -> None:
    """Inject the faults of a kind with the given seeds."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    report = os.fdopen(os.dup(1), "w", buffering=1)  # what components print goes elsewhere
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    os.environ["TMPDIR"] = folder = tempfile.mkdtemp(prefix="faults-session-")
    tempfile.tempdir = folder
    resource_tracker.ensure_running()  # a pool would start it
    classifier(0, max_trials=1).fit(*table())  # what stays for the life of the process exists before the first fault
    for seed in seeds:
        before, started = State.now(), time.monotonic()
        outcome = inject(kind, seed)
        seconds = time.monotonic() - started
        row = {
            "kind": kind,
            "seed": seed,
            "survived": outcome.survived,
            "outcome": outcome.text,
            "moment": outcome.moment,
            "budget": round(outcome.budget, 2),
            "seconds": round(seconds, 2),
            "left": left_after(before),
        }
        report.write(json.dumps(row) + "\n")
    if not os.listdir(folder):
        os.rmdir(folder)


if __name__ == "__main__":
    main(sys.argv[1], [int(seed) for seed in sys.argv[2].split(",")])
