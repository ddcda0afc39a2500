"""One run from a task to an ensemble: its settings, its search, the models of all rows, and its result."""
