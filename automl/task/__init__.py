"""What is to be learned: the table, the target, the metric and the folds."""
