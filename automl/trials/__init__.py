"""Trials, their results, the history of a run, and the run directory that keeps them."""
