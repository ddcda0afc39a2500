"""Checks of the data: warnings before the search, warnings after it, and labels that are probably wrong."""
