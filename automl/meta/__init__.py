"""The commands that add results to the meta-database: `automl meta build`, `add` and `publish`."""
