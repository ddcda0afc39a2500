"""A raw table as one array: kinds of columns, and how each column is read."""
