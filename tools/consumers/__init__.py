"""Programs that use the package, for `tools/consumer_suites.py`."""
