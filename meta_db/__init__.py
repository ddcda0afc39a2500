"""The memory: which configuration did how well on which data set."""
