"""A damaged file of a trial is named, and what the error advises lets the run go on."""

import re

import pytest
from sklearn.datasets import load_iris

from automl import AutoMLClassifier
from automl.errors import InvalidInputError
from tests.factories import FAST

X, Y = load_iris(return_X_y=True)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".model", ".npy", ".free.npy"])
def test_a_run_goes_on_without_a_trial_whose_files_were_deleted_as_an_error_advises(tmp_path, ending):
    settings = FAST | {"store": tmp_path, "guard": 0.2, "ensemble_size": 1}
    best = AutoMLClassifier(**settings).fit(X, Y).leaderboard_["id"][0]
    path = tmp_path / f"{best}-0{ending}"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidInputError, match=r"cannot be read: .* are left out") as raised:
        AutoMLClassifier(**settings).fit(X, Y)
    assert str(path) in str(raised.value)
    (pattern,) = re.findall(r"delete all files '(\S+)'", str(raised.value))
    for file in tmp_path.glob(pattern):
        file.unlink()
    trained = []
    AutoMLClassifier(**settings, callbacks=[lambda result, history: trained.append(result.trial)]).fit(X, Y)
    assert trained  # the configuration may run again
    assert len({trial.configuration for trial in trained}) == 1
