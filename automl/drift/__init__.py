"""Differences between new rows and the training rows: a sketch of each column, tests, an adversarial model."""
