"""The space of pipeline configurations, and the way from a configuration to a scikit-learn ``Pipeline``."""
