"""A conformance suite for HTTP/2: servers, clients, and packages with the API of h2.

It has its own code for frames and field blocks. `python -m conformance --help` says how to start
it.
"""
