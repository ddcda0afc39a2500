"""Exchange with OpenML: pull the results of others, download tasks with their splits, publish runs.

Importing this package raises `pipelines.libraries.MissingLibraryError` where the client of OpenML is not installed.
"""

from pipelines.libraries import import_library

import_library("openml")
