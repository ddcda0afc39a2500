"""Serving of a saved model over HTTP, and packing of a model for a container."""
