"""The command ``automl leaderboard``, and the leaderboard as plain text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.cli.support import ModelPath, load_model

if TYPE_CHECKING:
    import pandas as pd


def leaderboard(
    model: ModelPath,
    rows: Annotated[int, typer.Option(min=1, help="Number of configurations to show.")] = 20,
    csv: Annotated[bool, typer.Option("--csv", help="Write all rows and columns as CSV.")] = False,
) -> None:
    """Show the configurations that the search for a saved model has tried, the best first."""
    board = load_model(model).leaderboard_
    if csv:
        board.to_csv(sys.stdout, index=False)
    else:
        typer.echo(render(board, rows))


def render(board: pd.DataFrame, rows: int) -> str:
    """Return the leaderboard as plain text, without the columns that only programs use."""
    shown = board.head(rows).drop(columns=["origin", "reason"], errors="ignore").copy()
    formats: dict[str, Any] = {
        "score": "{:.4f}".format,
        "std": "{:.4f}".format,
        "seconds": "{:.2f}".format,
        "weight": "{:.2f}".format,
    }
    for column in set(formats) & set(shown.columns):
        shown[column] = [formats[column](value) for value in shown[column]]
    shown.insert(0, "rank", range(1, len(shown) + 1))
    more = f"\n... and {len(board) - rows} more" if len(board) > rows else ""
    return shown.to_string(index=False) + more
