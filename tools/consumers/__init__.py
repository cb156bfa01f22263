"""What `tools/consumer_suites.py` knows about programs that use the package."""
