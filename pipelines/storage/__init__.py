"""Storage of fitted models without pickle: objects as JSON, arrays as safetensors, boosters in their own formats."""

from pipelines.storage.archive import dump, load, named_types, write
from pipelines.storage.errors import StorageError

__all__ = ["StorageError", "dump", "load", "named_types", "write"]
