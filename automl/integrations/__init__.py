"""Connections to other tools: runs on an MLflow server, and studies of Optuna."""
