"""Conversion of a raw table to one array: kinds of columns, and the readers of each kind."""
