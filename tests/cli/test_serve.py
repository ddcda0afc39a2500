"""The commands ``automl serve`` and ``automl package``: the messages before a server starts."""

import importlib.util
import socket

import pytest

from automl.cli import serve as commands


@pytest.fixture
def model(tmp_path):
    from automl import AutoMLRegressor

    fast = {"include": ["decision_tree"], "time_budget": None, "max_trials": 1, "cv": 2, "n_jobs": 1, "verbose": 0}
    AutoMLRegressor(**fast).fit([[i] for i in range(30)], range(30)).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("command", [["serve"], ["package", "--out", "image"]])
def test_without_the_extra_the_message_has_the_command_that_installs_it(call, monkeypatch, command):
    find = importlib.util.find_spec
    monkeypatch.setattr(commands, "find_spec", lambda name: None if name == "prometheus_client" else find(name))
    code, _, err = call(*command, "model")
    assert code == 2
    assert err == f"automl: automl {command[0]} needs prometheus-client: pip install 'cash-automl[serve]'\n"


def test_a_port_in_use_is_named(call, model):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, _, err = call("serve", model, "--port", port)
    assert code == 2
    assert f"cannot listen on host '127.0.0.1' and port {port}" in err
    assert "choose another --host or --port" in err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--timeout", "inf"), ("--max-megabytes", "inf"), ("--max-megabytes", "1e308")],
)
def test_limits_must_be_finite(call, tmp_path, option, value):
    code, _, err = call("serve", tmp_path, option, value)
    assert (code, err) == (2, f"automl: {option} must be a finite number\n")


def test_a_folder_that_is_no_model_ends_with_one_line(call, tmp_path):
    code, _, err = call("serve", tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert "holds no saved model" in err


def test_package_refuses_a_folder_with_other_files_before_it_loads_the_model(call, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    code, _, err = call("package", tmp_path / "none", "--out", tmp_path)
    assert code == 2
    assert "is not a folder of 'automl package'" in err
