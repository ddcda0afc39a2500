"""No test run collects the cases for the MLflow client: `test_mlflow.py` runs them in an environment of their own."""

collect_ignore = ["mlflow_cases.py"]
