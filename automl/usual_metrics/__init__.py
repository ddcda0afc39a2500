"""The usual metrics of a fitted model on rows with known labels, with intervals."""
