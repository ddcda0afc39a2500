"""What was run and what came of it: trials, their history, and the run directory that keeps them."""
