"""The progress display on a terminal, in a notebook, in a log file and in a pipe."""

from __future__ import annotations

import fcntl
import logging
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import types
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

import automl.progress.leader
from automl import AutoMLClassifier
from automl.progress.display import Progress
from automl.progress.leader import Best, Leader
from automl.progress.log import attach_handler, detach_handler
from automl.task.metric_words import MetricWords
from automl.trials.candidates import rank
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.configuration import Configuration

RUN = """
import sys, time
from automl.progress.display import Progress
from automl.progress.leader import Best
from automl.task.metric_words import MetricWords
with Progress({verbose}, 60, {max_trials}, MetricWords.of({name!r})) as progress:
    progress.update(3, Best({score}, "extra_trees", tuple(range({n_folds})), 8), "random_forest", 12.0)
    time.sleep({sleep})
    progress.message("a message in between")
    print("from the script")
    progress.close("budget spent")
"""


def ridge(score):
    return Best(score, "ridge", (0, 1, 2, 3, 4), 5)


def script(*, verbose=1, max_trials=None, name="roc_auc", score=0.91234, n_folds=8, sleep=0.8):
    return RUN.format(verbose=verbose, max_trials=max_trials, name=name, score=score, n_folds=n_folds, sleep=sleep)


# To import the package takes longer than each script: one process imports it, and forks a process for each script.
FORKER = """
import os, sys, traceback
import automl.progress.display
for line in sys.stdin:
    folder, term, error = line.split()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.environ["TERM"] = term
            for number, path in ((1, f"{folder}/stdout"), (2, error)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CREAT | os.O_TRUNC), number)
            with open(f"{folder}/script.py") as script:
                exec(script.read(), {"__name__": "__main__"})
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def forker():
    environment = {**os.environ, "COLUMNS": "100"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", FORKER], env=environment, **pipes) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def run_with_terminal(forker, tmp_path):
    """A function that returns the standard output, and the text that a terminal on standard error receives."""

    def run(code, *, term="xterm"):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        seen = []
        reader = threading.Thread(target=_read_all, args=(ours, seen), daemon=True)
        reader.start()
        status = _run_script(forker, tmp_path, code, term, os.ttyname(theirs))
        os.close(theirs)
        reader.join(60)
        os.close(ours)
        assert status == 0, b"".join(seen).decode()
        return (tmp_path / "stdout").read_text(), b"".join(seen).decode()

    return run


@pytest.fixture
def run_without_terminal(forker, tmp_path):
    """A function that returns the standard output and the standard error, which are files."""

    def run(code):
        status = _run_script(forker, tmp_path, code, "xterm", tmp_path / "stderr")
        assert status == 0, (tmp_path / "stderr").read_text()
        return (tmp_path / "stdout").read_text(), (tmp_path / "stderr").read_text()

    return run


def _run_script(forker, folder, code, term, error):
    (folder / "script.py").write_text(code)
    forker.stdin.write(f"{folder} {term} {error}\n")
    forker.stdin.flush()
    return int(forker.stdout.readline())


def _read_all(descriptor, seen):
    with suppress(OSError):  # Linux: the other end is closed
        while chunk := os.read(descriptor, 65536):
            seen.append(chunk)


def test_a_terminal_shows_budget_trials_score_and_family_and_the_seconds_change(run_with_terminal):
    stdout, seen = run_with_terminal(script(sleep=2.6))
    assert stdout == "from the script\n"
    left = re.findall(r"(\d+) s left, 3 tried, best ROC AUC 0.9123 on 8 of 8 folds, last random forest", seen)
    assert len(set(left)) > 1  # there was one update, and the line was drawn again as time passed
    assert set(left) <= {"48", "47", "46", "45", "44"}
    assert "a message in between" in seen
    assert "automl: budget spent; best ROC AUC 0.9123 on 8 of 8 folds; 1" in seen


@pytest.mark.slow
def test_a_negated_loss_is_shown_as_a_positive_number(run_with_terminal):
    _, seen = run_with_terminal(script(name="neg_log_loss", score=-0.25, max_trials=10))
    assert "3 of 10 tried, best log loss 0.25 on 8 of 8 folds" in seen


def test_verbose_0_shows_nothing_on_a_terminal(run_with_terminal):
    assert run_with_terminal(script(verbose=0)) == ("from the script\n", "")


@pytest.mark.slow
def test_verbose_2_announces_a_new_best_once(run_with_terminal):
    _, seen = run_with_terminal(script(verbose=2))
    assert seen.count("new best ROC AUC 0.9123 on 8 of 8 folds by extra trees after 12.0 s") == 1


def test_a_terminal_without_control_codes_gets_none(run_with_terminal):
    assert "\x1b" not in run_with_terminal(script(), term="dumb")[1]


@pytest.mark.slow
def test_a_plain_script_in_a_pipe_gets_a_few_lines_and_keeps_its_logging():
    code = (
        script()
        + """
log = logging.getLogger("automl")
print(log.handlers, log.level, logging.getLogger().handlers)
"""
    )
    command = [sys.executable, "-c", "import logging\n" + code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "from the script\n[] 0 []\n"
    lines = done.stderr.splitlines()
    assert lines[:2] == [
        "automl: search for the best ROC AUC within 60 s; greater is better",
        "automl: a message in between",
    ]
    assert lines[2].startswith("automl: budget spent; best ROC AUC 0.9123 on 8 of 8 folds; 1")
    assert len(lines) == 3


def test_messages_about_single_trials_are_for_verbose_2_and_fits_at_the_same_time_share_a_handler(run_without_terminal):
    code = """
import logging
from automl.progress.display import Progress
from automl.task.metric_words import MetricWords
log = logging.getLogger("automl")
for verbose in 1, 2:
    with Progress(verbose, 60, None, MetricWords.of("r2")) as progress:
        logging.getLogger("automl.execute").info("detail %d", verbose)
        logging.getLogger("automl.execute").warning("careful %d", verbose)
        with Progress(1, 60, None, MetricWords.of("r2")) as inner:
            inner.message(f"inner {verbose}")
        progress.message(f"outer {verbose}")
    log.info("after the end")
print(log.handlers, log.level)
"""
    stdout, stderr = run_without_terminal(code)
    assert stdout == "[] 0\n"
    lines = [line.removeprefix("automl: ") for line in stderr.splitlines()]
    search = ["search for the best R2 within 60 s; greater is better"]
    assert lines == [
        *search, "careful 1", *search, "inner 1", "outer 1",
        *search, "detail 2", "careful 2", *search, "inner 2", "outer 2",
    ]  # fmt: skip


def test_logging_that_the_user_has_configured_decides(run_without_terminal):
    settings = [
        "logging.getLogger('automl').addHandler(logging.NullHandler())",
        "logging.getLogger('automl').handlers.clear(); logging.getLogger('automl').setLevel(logging.ERROR)",
        "logging.getLogger('automl').setLevel(logging.NOTSET); logging.basicConfig(level=logging.WARNING)",
    ]
    code = "import logging\n" + "".join(f"{setting}\n{script(sleep=0)}" for setting in settings)
    assert run_without_terminal(code) == ("from the script\n" * 3, "")


def test_the_expected_score_is_the_last_line_and_takes_the_place_of_the_best_score(caplog):
    caplog.set_level(logging.INFO, logger="automl")
    with Progress(1, 60, None, MetricWords.of("r2")) as progress:
        progress.update(1, ridge(0.5), "ridge", 1.0)
        progress.close("budget spent", "expected R2 on new rows: 0.4")
    summary, line = (record.getMessage() for record in caplog.records[-2:])
    assert re.fullmatch(r"budget spent; [\d.]+ s", summary)
    assert line == "expected R2 on new rows: 0.4"


def test_a_log_gets_a_few_plain_lines(run_without_terminal):
    code = "import logging\nlogging.basicConfig(level=logging.INFO, format='%(name)s %(message)s')\n" + script()
    stdout, stderr = run_without_terminal(code)
    assert stdout == "from the script\n"
    lines = stderr.splitlines()
    assert lines[:2] == [
        "automl search for the best ROC AUC within 60 s; greater is better",
        "automl a message in between",
    ]
    assert lines[2].startswith("automl budget spent; best ROC AUC 0.9123 on 8 of 8 folds; 1")
    assert len(lines) == 3


def test_a_hundred_trials_make_at_most_five_log_lines(caplog):
    caplog.set_level(logging.INFO, logger="automl")
    with Progress(1, 100.0, None, MetricWords.of("r2")) as progress:
        for second in range(100):
            progress.update(second + 1, ridge(0.01 * second), "ridge", float(second))
        progress.close("budget spent")
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "search for the best R2 within 100 s; greater is better"
    assert [line.split(",")[0] for line in lines[1:-1]] == ["75 s left", "50 s left", "25 s left"]
    assert lines[-1].startswith("budget spent; best R2 0.99")


def test_scores_on_different_folds_are_never_compared(caplog):
    caplog.set_level(logging.INFO, logger="automl")
    every = tuple(range(8))
    with Progress(2, None, None, MetricWords.of("neg_mean_absolute_error")) as progress:
        for score, folds in [(-738.1, (0,)), (-900, (0, 1)), (-950, (0, 2)), (-1137, every), (-1150, every)]:
            progress.update(1, Best(score, "extra_trees", folds, 8), "ridge", 1.0)
        progress.update(1, Best(-1100, "extra_trees", every, 8), "ridge", 1.0)
    assert [record.getMessage() for record in caplog.records[1:]] == [
        "new best mean absolute error 738.1 on 1 of 8 folds by extra trees after 1.0 s",
        "best on more folds: mean absolute error 900 on 2 of 8 folds by extra trees after 1.0 s; not comparable with "
        "738.1 on 1 of 8 folds",
        "best on other folds: mean absolute error 950 on 2 of 8 folds by extra trees after 1.0 s; not comparable with "
        "900 on 2 of 8 folds",
        "best on more folds: mean absolute error 1,137 on 8 of 8 folds by extra trees after 1.0 s; not comparable with "
        "950 on 2 of 8 folds",
        "new best mean absolute error 1,100 on 8 of 8 folds by extra trees after 1.0 s",
    ]


@pytest.mark.slow
def test_in_the_log_of_a_fit_a_new_best_is_better_than_the_one_before(caplog):
    caplog.set_level(logging.INFO, logger="automl")
    X, y = load_breast_cancer(return_X_y=True)
    settings = {"include": ["decision_tree", "lda"], "cv": 5, "n_jobs": 1, "random_state": 0}
    AutoMLClassifier(**settings, time_budget=None, max_trials=6, scoring="accuracy", verbose=2).fit(X, y)
    lines = [record.getMessage() for record in caplog.records if "best" in record.getMessage()]
    found = [re.match(r"(new best|best on \w+ folds:) accuracy ([\d.]+) on (\d) of 5 folds by", line) for line in lines]
    announced = [(match[1], float(match[2]), int(match[3])) for match in found if match]
    assert len(announced) >= 2
    assert announced[-1][2] == 5
    for (_, before, n_before), (kind, score, n_folds) in pairwise(announced):
        if kind == "new best":
            assert n_folds == n_before
            assert score > before


def test_a_run_without_limits_logs_a_line_when_the_seconds_have_doubled(caplog):
    caplog.set_level(logging.INFO, logger="automl")
    with Progress(1, None, None, MetricWords.of("r2")) as progress:
        for second in range(1000):
            progress.update(second, None, "ridge", float(second))
    seconds = [record.getMessage().split(",")[0] for record in caplog.records[1:]]
    assert seconds == ["10 s", "20 s", "40 s", "80 s", "160 s", "320 s", "640 s"]


def test_verbose_0_logs_nothing(caplog):
    caplog.set_level(logging.DEBUG, logger="automl")
    with Progress(0, 10.0, None, MetricWords.of("r2")) as progress:
        progress.update(1, ridge(0.5), "ridge", 9.0)
        progress.message("a message")
        progress.close("done")
    assert caplog.records == []


@pytest.mark.slow
def test_an_error_in_the_run_passes_through_and_ends_the_display(run_with_terminal):
    code = """
import sys
from automl.progress.display import Progress
from automl.task.metric_words import MetricWords
before = sys.stdout, sys.stderr
try:
    with Progress(1, 60, None, MetricWords.of("r2")):
        raise KeyboardInterrupt
except KeyboardInterrupt:
    print("caught", (sys.stdout, sys.stderr) == before)
"""
    assert run_with_terminal(code)[0] == "caught True\n"


class BrokenTerminal:
    """A terminal that is closed after the first bytes."""

    encoding = "utf-8"

    def __init__(self):
        self.written = 0

    def isatty(self):
        return True

    def write(self, text):
        self.written += 1
        if self.written > 2:
            raise OSError("closed")
        return len(text)

    def flush(self):
        pass


def test_a_terminal_that_is_closed_does_not_end_the_run(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = BrokenTerminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(1, 60, None, MetricWords.of("r2")) as progress:
        for i in range(3):
            progress.update(i, ridge(0.1), "ridge", 1.0)
            progress.message("a message")
        progress.close("done")
    assert terminal.written > 2
    assert sys.stderr is terminal


@pytest.mark.parametrize("stderr", [None, "closed"])
def test_a_missing_standard_error_does_not_end_the_run(monkeypatch, tmp_path, stderr):
    stream = None
    if stderr == "closed":
        stream = (tmp_path / "log").open("w")
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(1, 60, None, MetricWords.of("r2")) as progress:
        progress.update(1, ridge(0.1), "ridge", 1.0)
        progress.close("done")


def test_many_threads_may_report_at_the_same_time(monkeypatch):
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    drain = threading.Thread(target=_read_all, args=(ours, []), daemon=True)
    drain.start()
    failures = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    with os.fdopen(theirs, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress(2, 60, None, MetricWords.of("r2")) as progress:

            def report(start):
                for i in range(20):
                    progress.update(i, ridge(0.01 * i), "ridge", 0.1 * i)
                    progress.message(f"{start} {i}")

            threads = [threading.Thread(target=report, args=(k,)) for k in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(timeout=30)
            assert not any(thread.is_alive() for thread in threads)
            progress.close("done")
        monkeypatch.undo()
    drain.join(timeout=10)
    os.close(ours)
    assert failures == []


@pytest.fixture
def shown_in_notebook(monkeypatch):
    """Let the program believe that it runs in a notebook; return the first texts of the outputs, and all later ones."""
    shown, updates = [], []

    def display(bundle, raw, display_id=None):
        shown.append(bundle["text/plain"])
        return types.SimpleNamespace(update=lambda bundle, raw: updates.append(bundle["text/plain"]))

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    module = types.ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return shown, updates


def test_a_notebook_gets_one_output_that_is_replaced(shown_in_notebook):
    shown, updates = shown_in_notebook
    with Progress(1, 60, None, MetricWords.of("accuracy")) as progress:
        progress.update(5, ridge(0.8), "catboost", 30.0)
        progress.close("interrupted")
    assert len(shown) == 1
    assert updates[-1].startswith("automl: interrupted; best accuracy 0.8 on 5 of 5 folds; 30.")


def test_a_notebook_shows_only_warnings_in_the_color_of_errors(shown_in_notebook, monkeypatch, capsys):
    monkeypatch.setattr(logging.getLogger("automl"), "propagate", False)  # pytest has handlers of its own
    handler = attach_handler(1)
    try:
        logging.getLogger("automl").info("an explanation")
        logging.getLogger("automl").warning("a problem")
    finally:
        detach_handler(handler)
    assert capsys.readouterr() == ("automl: an explanation\n", "automl: a problem\n")


def trial_result(number, losses, status=Status.OK):
    folds = {fold: FoldResult(loss, 0.1, 0.0) for fold, loss in losses.items()}
    return TrialResult(Trial(Configuration({"model": "lda", "number": number}), tuple(losses)), status, folds, 0.1)


def random_results(n, seed, complete_share):
    """Trials on the first fold, on some folds and on all four folds, with some failures."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        folds = range(4) if rng.random() < complete_share else range(rng.integers(0, 4))
        losses = {int(fold): float(rng.random()) for fold in rng.permutation(folds)}
        yield trial_result(int(rng.integers(n)), losses, Status.OK if losses else Status.CRASH)


@pytest.mark.parametrize("complete_share", [0.0, 0.05, 0.9])
def test_the_leader_is_the_first_of_the_leaderboard_after_every_trial(complete_share):
    for seed in range(5):
        history, leader = RunHistory(), Leader(4)
        for result in random_results(60, seed, complete_share):
            history.append(result)
            found = leader.update(result, history)
            first = rank(history, usable_only=False, most_folds_first=True)[0]
            assert (found is None) == (not first.folds)
            if found is not None:
                assert (found.score, found.folds) == (-first.mean_loss, tuple(sorted(first.folds)))


def test_the_leader_of_a_resumed_run_may_be_of_an_earlier_session():
    history = RunHistory([trial_result(1, {0: 0.1, 1: 0.1}), trial_result(2, {0: 0.2})])
    failed = trial_result(3, {}, Status.CRASH)
    history.append(failed)
    assert Leader(2).update(failed, history) == Best(-0.1, "lda", (0, 1), 2)


def test_a_long_run_does_not_rank_all_trials_after_each_trial(monkeypatch):
    calls = []
    monkeypatch.setattr(
        automl.progress.leader, "rank", lambda *args, **options: calls.append(1) or rank(*args, **options)
    )
    history, leader = RunHistory(), Leader(2)
    for number in range(300):
        losses = {0: 1 / (number + 1), 1: 0.5} if number % 2 else {0: 0.3}
        history.append(trial_result(number, losses))
        leader.update(history.results[-1], history)
    assert len(calls) < 5


def test_a_fit_that_shows_nothing_ranks_nothing(monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("ranked")

    monkeypatch.setattr(automl.progress.leader, "rank", refuse)
    X, y = load_breast_cancer(return_X_y=True)
    AutoMLClassifier(include=["lda"], time_budget=None, max_trials=1, n_jobs=1, verbose=0).fit(X, y)
