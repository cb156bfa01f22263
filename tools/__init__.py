"""Programs for the development of the package; they are not installed with it."""
