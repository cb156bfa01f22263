"""The connection at work: receive, send, streams, output. Built on the rules, frames and HPACK."""
