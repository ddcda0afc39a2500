"""A short search on old and new rows, which starts with an old model and is compared with it."""
