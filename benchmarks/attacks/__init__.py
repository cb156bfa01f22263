"""Attacks on a connection, sent as raw bytes: what they cost, and how they end.

usage: python -m benchmarks.attacks [--only NAMES] [--packages NAMES] [--quick] [--json FILE]
"""
