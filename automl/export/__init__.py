"""Scripts that train a pipeline again without this package."""
