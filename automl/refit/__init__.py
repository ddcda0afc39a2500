"""Training of an ensemble's configurations on all rows, or on new rows, without another search."""
