"""Neural networks for tables, many of which are trained at once; only their training imports torch."""
