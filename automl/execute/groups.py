"""Process groups: a process that leads a group ends together with all processes that it has started."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import NoReturn

import psutil


def lead_group() -> None:
    """Make this process the leader of a new process group, to which all processes that it starts will belong."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)


def end_own_group() -> NoReturn:
    """End this process and, if it leads its group, all processes that it has started.

    A process does this itself where it can: only a member of the group knows that the number still belongs to it.
    """
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def kill_group(leader: int) -> None:
    """Kill the members of the group of a process that has not ended; nothing happens if it leads no group yet."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def kill_survivors(leader: int) -> None:
    """Kill the members of the group of a process that has just ended.

    The system does not reuse the number of a group that has members. If the group has none left, its number may belong
    to a younger group, whose members are not killed.
    """
    if not hasattr(os, "getpgid"):
        return
    now = time.time()
    with suppress(OSError):  # this process has too many open files to look
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError, PermissionError):
                if os.getpgid(process.pid) == leader and process.create_time() < now:
                    process.kill()
