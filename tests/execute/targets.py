"""Functions that processes run in tests."""

from __future__ import annotations

import os
import sys

from automl.execute.fork_server import wait_for_hangup


def answer_state(connection, *names):
    connection.send((os.getcwd(), *map(os.environ.get, names)))


def answer_imported(connection, *modules):
    connection.send([module in sys.modules for module in modules])


def end_with(connection, code):
    sys.exit(code)


def fail(connection):
    raise ValueError("as the test wants it")


def wait_for_parent(connection):
    wait_for_hangup(connection)


def print_and_answer(connection):
    for stream in (1, 2):
        os.write(stream, b"a library prints below Python\n")
    connection.send("answer")
