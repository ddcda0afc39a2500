"""The search space of pipeline configurations, and their conversion to scikit-learn pipelines."""
