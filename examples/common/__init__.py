"""Shared code of the examples: certificates, command lines, and files for paths."""
