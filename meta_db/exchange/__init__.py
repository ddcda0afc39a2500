"""Exchange with OpenML: pull the results of others, download tasks with their splits, publish runs."""
