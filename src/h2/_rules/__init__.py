"""What is allowed: every rule of the RFCs in one place, without bytes, buffers or streams."""
