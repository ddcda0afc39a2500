"""Storage of fitted models without pickle: objects as JSON, arrays as safetensors, boosters in their own formats."""

from pipelines.storage.archive import dump, load, named_types, write
from pipelines.storage.errors import StorageError, UntrustedError

__all__ = ["StorageError", "UntrustedError", "dump", "load", "named_types", "write"]
