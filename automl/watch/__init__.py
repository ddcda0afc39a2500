"""Pages and a terminal view of a run or a queue of jobs, redrawn while it grows."""
