"""What the package costs: in-memory workloads, growth, and a gate that counts instead of timing."""
