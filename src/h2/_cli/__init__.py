"""The commands of `python -m h2`, for people who debug. Nothing else in the package imports it."""
