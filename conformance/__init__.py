"""A conformance suite for HTTP/2: servers, clients, and packages with the API of h2.

It makes and parses all frames and field blocks itself. `python -m conformance --help` says how to
start it.
"""
