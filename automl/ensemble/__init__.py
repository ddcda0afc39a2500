"""The ensemble that a run returns, and the estimate of its score."""
