"""Frames as bytes: RFC 9113 sections 4 and 6, RFC 7838 section 4. Knows no streams."""
