"""The task: a table with its target, its metric, its folds, and the checks of what a user passes."""
