"""The execution of trials: in processes on this machine, or on a Ray cluster."""
