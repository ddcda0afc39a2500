"""Processes start beside any program of a user, and leave the state of that program alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from automl.errors import NoWorkersError
from automl.execute import processes
from automl.execute.processes import start_process
from tests.execute import targets

ROOT = Path(__file__).parents[2]
PATH = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")])
FIT = """
from sklearn.datasets import load_iris
from automl import AutoMLClassifier

SETTINGS = {"time_budget": None, "max_trials": 2, "n_jobs": 1, "verbose": 0, "include": ["decision_tree"]}

def fit(**settings):
    return AutoMLClassifier(**{**SETTINGS, **settings}).fit(*load_iris(return_X_y=True))
"""


def run_script(tmp_path, body, *, header=FIT, flags=(), place=None, **environment):
    """Run a script after a header, by default one with `fit`; return the lines that it prints."""
    done = start_script(tmp_path, body, header=header, flags=flags, place=place, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def start_script(tmp_path, body, *, header=FIT, flags=(), place=None, **environment):
    script = tmp_path / "script.py"
    script.write_text(header + textwrap.dedent(body))
    return subprocess.run(
        [sys.executable, *flags, str(script)],
        cwd=place or tmp_path,
        env={**os.environ, "PYTHONPATH": PATH, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_other_threads_of_the_program_see_no_change_while_processes_start(tmp_path):
    body = """
    import os, pickle, sys, threading, time
    main, environment = sys.modules["__main__"], dict(os.environ)
    thread = threading.Thread(target=fit)
    thread.start()
    while thread.is_alive():
        assert sys.modules["__main__"] is main
        assert dict(os.environ) == environment
        pickle.dumps(fit)
        time.sleep(0.0002)
    print("nothing seen")
    """
    assert run_script(tmp_path, body) == ["nothing seen"]


@pytest.mark.slow
def test_the_fork_server_of_multiprocessing_stays_as_the_user_knows_it(tmp_path):
    body = """
    import multiprocessing, os, signal

    def look(queue):
        handler = signal.getsignal(signal.SIGINT)
        queue.put((os.environ.get("OMP_NUM_THREADS"), handler is signal.default_int_handler))

    if __name__ == "__main__":
        fit()
        context = multiprocessing.get_context("forkserver")
        queue = context.SimpleQueue()
        process = context.Process(target=look, args=(queue,))
        process.start()
        print(*queue.get())
        process.join()
    """
    assert run_script(tmp_path, body, OMP_NUM_THREADS="2") == ["2 True"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_of_a_pool_can_fit_and_its_processes_end_with_it(tmp_path, method):
    body = f"""
    import multiprocessing, os, psutil, time

    def fit_there():
        board = fit().leaderboard_
        return list(board["status"]), [child.pid for child in psutil.Process().children(recursive=True)]

    if __name__ == "__main__":
        with multiprocessing.get_context("{method}").Pool(1) as pool:
            statuses, children = pool.apply(fit_there)
        end = time.monotonic() + 60
        while any(map(psutil.pid_exists, children)) and time.monotonic() < end:
            time.sleep(0.1)
        print(*statuses, len(children), *filter(psutil.pid_exists, children))
    """
    assert run_script(tmp_path, body) == ["ok ok 1"]


@pytest.mark.slow
@pytest.mark.parametrize("length", [80, 140])
def test_a_long_temporary_folder_is_no_obstacle(tmp_path, length):
    folder = tmp_path / ("x" * max(1, length - len(str(tmp_path)) - 1))
    folder.mkdir()
    assert run_script(tmp_path, "print(len(fit().leaderboard_))", TMPDIR=str(folder)) == ["2"]


_BROKEN = 'raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")'


@pytest.mark.slow
def test_a_library_that_cannot_be_loaded_costs_its_own_trials_only(tmp_path):
    (tmp_path / "lightgbm").mkdir()
    (tmp_path / "lightgbm" / "__init__.py").write_text(_BROKEN)
    body = """
    first = [{"model": "lightgbm"}, {"model": "decision_tree"}]
    model = fit(include=["lightgbm", "decision_tree"], initial_configurations=first)
    board = model.leaderboard_.set_index("family")
    print(board.loc[["decision_tree"], "status"].iloc[0])
    print(board.loc[["lightgbm"], "reason"].iloc[0])
    """
    status, reason = run_script(tmp_path, body)
    assert status == "ok"
    assert reason.startswith("not started: lightgbm cannot be imported (OSError: libgomp.so.1: cannot open")


def hide(folder, name):
    """Put a package of the user into a folder, under the name of one of ours."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").touch()


@pytest.mark.parametrize(
    "name", ["pipelines", *(pytest.param(name, marks=pytest.mark.slow) for name in ("meta_db", "metalearning"))]
)
def test_a_package_of_the_same_name_beside_the_script_is_one_clear_error(tmp_path, name):
    hide(tmp_path, name)
    last = start_script(tmp_path, "", flags=["-S"]).stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: the package '{name}', which automl needs, is hidden by '{tmp_path / name}'")


# With -S no editable install is seen, whose finder would find our modules in spite of a package of the same name.
@pytest.mark.parametrize("flags", [pytest.param((), marks=pytest.mark.slow), ("-S",)])
def test_a_package_of_the_same_name_in_the_working_directory_is_not_seen(tmp_path, flags):
    # The command `automl` is such a script: the working directory is not on its search path.
    (tmp_path / "bin").mkdir()
    for name in ("automl", "pipelines", "meta_db", "metalearning"):
        hide(tmp_path / "work", name)
    body = "print(*fit().leaderboard_['status'])"
    assert run_script(tmp_path / "bin", body, flags=flags, place=tmp_path / "work") == ["ok ok"]


@pytest.mark.slow
def test_modules_beside_the_script_can_be_imported_in_workers(tmp_path):
    (tmp_path / "judges.py").write_text("def constant(estimator, X, y):\n    return 0.25\n")
    body = """
    import judges
    print(*fit(scoring=judges.constant).leaderboard_["score"])
    """
    assert run_script(tmp_path, body, place="/") == ["0.25 0.25"]


def test_a_process_takes_over_folder_and_environment_as_they_are_now(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SET_AFTER_THE_SERVER_STARTED", "yes")
    monkeypatch.delenv("HOME", raising=False)
    process = start_process(targets.answer_state, "SET_AFTER_THE_SERVER_STARTED", "HOME", "OMP_NUM_THREADS")
    assert process.connection.recv() == (str(tmp_path), "yes", None, "1")
    process.join()
    assert process.exitcode == 0
    process.close()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_fork_can_predict_while_another_thread_of_the_program_predicts(tmp_path):
    body = """
    import os, threading, time
    model, X = fit(), load_iris().data
    stop = threading.Event()

    def predict():
        while not stop.is_set():
            model.predict(X)

    thread = threading.Thread(target=predict)
    thread.start()
    children = []
    for _ in range(8):
        time.sleep(0.05)
        children.append(os.fork())
        if not children[-1]:
            model.predict(X)
            os._exit(0)
    stop.set()
    thread.join()
    end, running = time.monotonic() + 30, set(children)
    while running and time.monotonic() < end:
        running -= {pid for pid in running if os.waitpid(pid, os.WNOHANG)[0]}
        time.sleep(0.1)
    for pid in running:
        os.kill(pid, 9)
    print("wait forever:", len(running))
    """
    assert run_script(tmp_path, body) == ["wait forever: 0"]


# Without the estimators, whose import takes longer than the rest of these scripts.
_START = """
from automl.execute import processes
from tests.execute import targets

def start():
    process = processes.start_process(targets.print_and_answer, preload=())
    answer = process.connection.recv()
    process.join()
    return answer, process.exitcode
"""


def test_a_program_with_closed_standard_streams_gets_its_answers(tmp_path):
    body = """
    import os, sys
    result = os.dup(1)
    for stream in (0, 1, 2):
        os.close(stream)
    answers = [start()]
    processes._CAN_FORK = False
    answers.append(start())
    os.write(result, repr(answers).encode())
    """
    assert run_script(tmp_path, body, header=_START) == ["[('answer', 0), ('answer', 0)]"]


def test_a_program_with_many_open_files_can_start_processes(tmp_path):
    body = """
    import os, resource, sys
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit if limit < 4096 and limit > 0 else 4096, limit))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    print(*start(), file=sys.stderr)
    """
    done = start_script(tmp_path, body, header=_START)
    assert done.stderr.splitlines()[-1] == "answer 0"


@pytest.mark.parametrize("free", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (0, 20))])
@pytest.mark.slow
def test_a_fit_with_few_free_descriptors_works_or_says_how_to_get_more(tmp_path, free):
    body = f"""
    import os, resource
    import automl.estimator
    data = load_iris(return_X_y=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    opened = []
    try:
        while True:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    for _ in range({free}):
        os.close(opened.pop())
    try:
        result = str(len(AutoMLClassifier(**SETTINGS).fit(*data).leaderboard_))
    except Exception as error:
        result = f"{{type(error).__name__}}: {{error}}"
    print(result)
    """
    result = run_script(tmp_path, body)[-1]
    if free > 8:
        assert result == "2"
    else:
        assert result.startswith("InvalidInputError: this process has too many open files")
        assert "ulimit -n" in result


def test_signals_that_the_program_blocks_are_not_blocked_in_its_processes(tmp_path):
    body = """
    import signal
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    process = processes.start_process(targets.end_with, 3, preload=())
    process.join(60.0)
    print(process.exitcode)
    """
    assert run_script(tmp_path, body, header=_START) == ["3"]


def test_entries_of_the_search_path_that_are_no_text_are_ignored_as_by_python(tmp_path):
    body = """
    import pathlib, sys
    sys.path += [pathlib.Path("/tmp"), b"/tmp"]
    print(start()[0])
    """
    assert run_script(tmp_path, body, header=_START)[-1] == "answer"


@pytest.mark.parametrize("can_fork", [True, False])
def test_exit_codes_are_known_with_and_without_a_fork_server(monkeypatch, can_fork):
    monkeypatch.setattr(processes, "_CAN_FORK", can_fork)
    ended = start_process(targets.end_with, 3)
    ended.join(60.0)
    failed = start_process(targets.fail)
    failed.join(60.0)
    killed = start_process(targets.wait_for_parent)
    assert killed.exitcode is None
    killed.kill()
    killed.join(60.0)
    assert [p.exitcode for p in (ended, failed, killed)] == [3, 1, -signal.SIGKILL]
    for process in (ended, failed, killed):
        process.close()


@pytest.mark.parametrize("can_fork", [True, False])
def test_a_target_notices_the_end_of_its_parent(monkeypatch, can_fork):
    monkeypatch.setattr(processes, "_CAN_FORK", can_fork)
    process = start_process(targets.wait_for_parent)
    process.connection.send("a message that the target does not read")
    process.join(0.3)
    assert process.exitcode is None
    process.connection.close()
    process.join(60.0)
    assert not psutil.pid_exists(process.pid)


@pytest.mark.slow
def test_a_fork_server_that_was_killed_is_replaced_and_its_processes_can_be_killed():
    orphan = start_process(targets.wait_for_parent)
    processes._server.process.kill()
    process = start_process(targets.answer_imported, "pipelines.build", "lightgbm")
    assert process.connection.recv() == [True, True]
    process.join(60.0)
    assert process.exitcode == 0
    orphan.kill()
    orphan.join(60.0)
    assert not psutil.pid_exists(orphan.pid)


def test_a_module_that_crashes_the_fork_server_is_left_to_the_processes(tmp_path, monkeypatch):
    (tmp_path / "crash_on_import.py").write_text("import os\nos._exit(9)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(processes, "_server", None)
    process = start_process(targets.end_with, 4, preload=["crash_on_import"])
    process.join(60.0)
    assert process.exitcode == 4


def test_a_fork_server_that_cannot_start_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(processes, "_server", None)
    monkeypatch.setattr(processes, "_BOOT", "import sys; sys.exit(7)")
    with pytest.raises(NoWorkersError, match="ended with exit code 7"):
        start_process(targets.fail)


FORKED = """
import os, time
from automl.execute import processes
from tests.execute.targets import wait_for_parent

started = [processes.start_process(wait_for_parent) for _ in range(2)]
lone = os.fork()
if not lone:
    time.sleep(600)
print(lone, *(process.pid for process in started), processes._server.process.pid, flush=True)
time.sleep(600)
"""


FORKED_MEANWHILE = """
import os, threading, time
from automl.execute import processes
from tests.execute.targets import wait_for_parent

started = []
thread = threading.Thread(target=lambda: started.append(processes.start_process(wait_for_parent, preload=["slow"])))
thread.start()
time.sleep(2.0)
assert not started
lone = os.fork()
if not lone:
    time.sleep(600)
thread.join()
print(lone, started[0].pid, processes._server.process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [FORKED, FORKED_MEANWHILE])
def test_workers_end_with_the_process_that_fits_though_a_fork_of_it_lives_on(tmp_path, program):
    script = tmp_path / "script.py"
    script.write_text(program)
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(5)\n")  # a library whose import takes long
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        lone, *workers = map(int, parent.stdout.readline().split())
        parent.kill()
        parent.wait()
        end = time.monotonic() + 60
        while any(psutil.pid_exists(pid) for pid in workers):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert psutil.pid_exists(lone)
    finally:
        os.kill(lone, signal.SIGKILL)
