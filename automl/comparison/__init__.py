"""Comparisons of estimators: on the outer folds of one table, which no search has seen, and over many tables."""
