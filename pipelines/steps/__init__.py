"""The steps of a pipeline other than the model: preprocessing, generation, selection, wrappers of classifiers."""
