"""Costs of the package: in-memory workloads, growth, and a gate that counts instead of timing."""
