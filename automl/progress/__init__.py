"""The progress of a fit or a batch, for people: a display, and a log where nobody has configured logging."""
