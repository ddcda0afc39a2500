"""The model that a run returns, and the score to expect of it."""
