"""The errors of this package."""


class StorageError(ValueError):
    """An object cannot be written, or an archive cannot be read."""


class UntrustedError(StorageError):
    """An archive names types that are not trusted.

    Attributes
    ----------
    types : tuple of str
        The names of these types and functions.
    """

    def __init__(self, types: tuple[str, ...]):
        these = "this type" if len(types) == 1 else "these types"
        super().__init__(
            f"it needs {', '.join(types)}, which load does not trust; if you trust the code of {these}, load it with "
            f"trusted={list(types)}"
        )
        self.types = types
