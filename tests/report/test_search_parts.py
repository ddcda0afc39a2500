"""The parts of section 6 about the start of the search and about the importance of settings."""

import json
from dataclasses import replace

import numpy as np
import pytest

from automl import AutoMLClassifier, load
from automl.report.collect import collect
from automl.report.render import to_html, to_json, to_markdown
from automl.report.search_settings import make_settings_part
from automl.report.search_start import make_start_part
from automl.trials.history import RunHistory
from automl.trials.run_reader import RunReader
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from automl.watch.render import run_fragment
from automl.watch.run_view import view_run
from pipelines.configuration import Configuration
from tests.factories import FAST
from tests.report.pages import people

SETTINGS = FAST | {"include": ["decision_tree", "logistic_regression"], "cv": 2}


@pytest.fixture(scope="module")
def classifier():
    return AutoMLClassifier(**SETTINGS | {"max_trials": 11}).fit(*people())


def with_losses(classifier, losses):
    """Return a copy of a classifier whose history holds these losses, by origin and number."""
    history = RunHistory()
    for number, (origin, loss) in enumerate(losses):
        trial = Trial(Configuration({"model": "decision_tree", "model:max_depth": number + 1}), origin=origin)
        history.append(TrialResult(trial, Status.OK, {0: FoldResult(loss, 1, 0.1)}, 1))
    copied = AutoMLClassifier(**SETTINGS)
    vars(copied).update(vars(classifier) | {"history_": history})
    return copied


def test_the_report_names_the_similar_data_sets_that_the_search_started_from(classifier):
    part = make_start_part(classifier)
    design = classifier._initial_design
    assert design.source == "meta-database"
    assert part.note.startswith("The search started with configurations that did well on data sets")
    assert [known.name for known in part.similar] == [known.name for known in design.similar[:5]]
    distances = [known.distance for known in part.similar]
    assert distances == sorted(distances)
    first = part.sources[0]
    assert (first.source, first.is_initial) == ("similar data sets", True)
    started = sum(r.n_configurations for r in part.sources)
    assert started == classifier.history_.n_run
    assert sum(r.weight for r in part.sources) == pytest.approx(1, abs=1e-3)
    assert min(r.best_place for r in part.sources if r.best_place) == 1


def test_the_start_of_a_search_is_kept_by_a_saved_model(classifier, tmp_path):
    classifier.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded._initial_design == classifier._initial_design
    assert make_start_part(loaded) == make_start_part(classifier)


def test_configurations_of_the_user_are_set_against_later_ones():
    wanted = [{"model": "decision_tree"}]
    part = make_start_part(AutoMLClassifier(**SETTINGS | {"initial_configurations": wanted}).fit(*people()))
    assert part.similar == ()
    assert part.sources[0].source == "given by the user"
    assert [r.n_configurations for r in part.sources if r.is_initial] == [1]
    assert sum(r.n_configurations for r in part.sources) == 4
    assert "provisional" in part.comparison


def test_places_say_whether_the_start_helped(classifier):
    helped = make_start_part(with_losses(classifier, [("initial", 0.1), ("initial", 0.4), ("smac", 0.2)]))
    assert [(r.source, r.best_place, r.median_place) for r in helped.sources] == [
        ("similar data sets", 1, 1),
        ("proposed by SMAC", 2, 2),
    ]
    assert helped.comparison.startswith(
        "The best configuration is one of the first ones; the best later one has place 2"
    )
    beaten = make_start_part(with_losses(classifier, [("initial", 0.3), ("smac", 0.2), ("random", 0.1)]))
    assert "has found a better configuration than the first ones; the best first one has place 3" in beaten.comparison
    alone = make_start_part(with_losses(classifier, [("initial", 0.1), ("initial", 0.4)]))
    assert alone.comparison.startswith("All configurations so far belong to this start")


def test_a_model_of_an_earlier_version_has_a_start_of_unknown_source(classifier):
    older = with_losses(classifier, [("initial", 0.1), ("smac", 0.2)])
    del older._initial_design
    part = make_start_part(older)
    assert "not known" in part.note
    assert part.sources[0].source == "initial design"


def test_the_settings_that_made_a_difference_come_first(classifier):
    part = make_settings_part(classifier)
    table = classifier.hyperparameter_importance().query("importance >= 0.001")
    steps = table[table["kind"] == "step"]
    assert [row.name for row in part.steps] == list(steps["name"])
    assert np.allclose([row.importance for row in part.steps], steps["importance"], atol=1e-4)
    assert all(row.kind != "step" for row in part.settings)
    assert len(part.settings) <= 15
    assert "rough" in part.note


def test_a_few_configurations_have_a_sentence_in_place_of_the_settings(classifier):
    part = make_settings_part(with_losses(classifier, [("initial", 0.1)]))
    assert part.steps == part.settings == ()
    assert "needs 10 configurations" in part.note


@pytest.mark.slow
def test_the_three_forms_hold_both_parts(classifier):
    content = collect(classifier)
    html, text, values = to_html(content), to_markdown(content), json.loads(to_json(content))
    for shown in (html, text):
        assert "How the search started" in shown
        assert "Which settings made a difference" in shown
        assert content.start.similar[0].different_in[0] in shown
        assert content.start.comparison.split('"')[0] in shown
        assert content.settings.note in shown
    assert values["start"]["similar"][0]["name"] == content.start.similar[0].name
    assert len(values["settings"]["steps"]) == len(content.settings.steps)
    bare = replace(content, start=None, settings=None)
    assert "How the search started" not in to_html(bare) + to_markdown(bare)


def test_the_page_of_a_running_search_leaves_both_parts_out(tmp_path):
    settings = SETTINGS | {"max_trials": 2, "include": ["decision_tree"], "store": tmp_path / "run"}
    AutoMLClassifier(**settings).fit(*people())
    view = view_run(RunReader(tmp_path / "run"), "run")
    shown = run_fragment(view, has_report=False, is_job=False, log="")
    assert "What became of each model family" in shown
    assert "How the search started" not in shown
