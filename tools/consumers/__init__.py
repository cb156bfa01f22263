"""What `tools/consumer_suites.py` knows of the programs that use the package."""
