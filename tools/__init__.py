"""Programs for the people who work on the package; nothing here is installed with it."""
