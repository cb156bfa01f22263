"""Attacks on a connection, sent as raw bytes: their costs, and how they end.

usage: python -m benchmarks.attacks [--only NAMES] [--packages NAMES] [--quick] [--json FILE]
"""
