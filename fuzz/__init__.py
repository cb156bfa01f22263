"""Fuzzing: endless inputs, each followed by checks of everything that must always hold."""
