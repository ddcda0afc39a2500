"""Tables in files: which formats there are, how they are read and written, and which column is the target."""
