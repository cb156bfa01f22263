"""What the examples share: certificates, command lines, and which file a path stands for."""
