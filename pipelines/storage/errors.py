"""The error of this package."""


class StorageError(ValueError):
    """An object cannot be written, or an archive cannot be read."""
