"""The meta-database: the measured results of configurations on data sets."""
