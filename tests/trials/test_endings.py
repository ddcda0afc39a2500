"""The names for why a search ended."""

from __future__ import annotations

import ast
from pathlib import Path

from automl.trials import endings

ROOT = Path(__file__).resolve().parents[2]


def test_saved_models_and_run_directories_keep_their_texts():
    assert {name: text for name, text in vars(endings).items() if name.isupper() and isinstance(text, str)} == {
        "INTERRUPTED": "interrupted",
        "MAX_TRIALS": "max_trials reached",
        "TIME_SPENT": "time budget spent",
        "PROCESSORS_SPENT": "max_processor_seconds spent",
        "EXHAUSTED": "nothing left to try",
        "GUARD_DIVERGED": "work score and free score diverge",
        "GOES_ON": "the search goes on",
        "HAS_ENDED": "the search has ended",
        "PROCESS_DIED": "the process of the search has died",
    }
    assert endings.ended_early("no disk") == "ended early: no disk"


def test_no_program_compares_with_the_text_of_an_ending():
    texts = {text for name, text in vars(endings).items() if name.isupper() and isinstance(text, str)}
    found = [
        f"{path.relative_to(ROOT)}:{comparison.lineno}"
        for path in sorted((ROOT / "automl").rglob("*.py"))
        for comparison in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(comparison, ast.Compare)
        and texts & {node.value for node in ast.walk(comparison) if isinstance(node, ast.Constant) and node.value}
    ]
    assert found == []


def test_only_an_interrupted_search_was_interrupted():
    assert endings.was_interrupted("interrupted")
    assert not endings.was_interrupted("time budget spent")
    assert not endings.was_interrupted(None)
