"""What your own components and spaces are made of; `pipelines.component` describes the contract of a component."""

from __future__ import annotations

from pipelines.component import Component, FitContext, TableTraits, space_of
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete

__all__ = ["Component", "Configuration", "FitContext", "TableTraits", "build_space", "complete", "space_of"]
