"""Fuzzing: inputs without end, each followed by a check of all that must always hold."""
