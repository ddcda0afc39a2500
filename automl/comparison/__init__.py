"""Which system is better: on the folds of one table, and over many tables."""
