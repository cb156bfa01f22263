"""The rules of the RFCs in one place, independent of bytes, buffers and streams."""
