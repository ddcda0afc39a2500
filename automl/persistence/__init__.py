"""Saving and loading of fitted estimators, without pickle."""

from automl.persistence.loading import load_model
from automl.persistence.manifest import check_place, library_versions, takes_files
from automl.persistence.saving import save
from automl.task.own_objects import NotLoaded, check_loaded

__all__ = ["NotLoaded", "check_loaded", "check_place", "library_versions", "load_model", "save", "takes_files"]
