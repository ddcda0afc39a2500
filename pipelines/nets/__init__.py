"""Neural networks for tables, many of which are trained at once; only `fit` and `predict` import torch."""
