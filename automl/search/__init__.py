"""The search: which configuration runs next, on which folds, until when."""
