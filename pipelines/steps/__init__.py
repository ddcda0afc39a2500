"""The steps of a pipeline that stand before and after the model."""
