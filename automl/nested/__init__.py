"""Nested cross-validation: estimators scored on rows that no search inside them has seen."""
