"""How a command fails: exit statuses, the same as curl's, and the exception that has one."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """The exit statuses other than 0, by what they mean."""

    #: `decode`: the input is damaged. `get`: the scheme of the URL is not supported.
    DAMAGED = 1
    SCHEME = 1
    USAGE = 2
    URL = 3
    RESOLVE = 6
    CONNECT = 7
    HTTP2 = 16
    PARTIAL = 18
    HTTP_ERROR = 22
    WRITE = 23
    READ = 26
    TIMEOUT = 28
    TLS = 35
    BIND = 45
    REDIRECTS = 47
    EMPTY = 52
    SEND = 55
    RECEIVE = 56
    CERTIFICATE_FILE = 58
    CERTIFICATE = 60
    ENCODING = 61
    REWIND = 65
    AUTHORITY_FILE = 77
    STREAM = 92
    INTERRUPTED = 130


class Failure(Exception):  # noqa: N818 - the command fails, which need not be an error
    """The command ends with this status; the message, if there is one, goes to standard error."""

    def __init__(self, status: Status, message: str = "") -> None:
        super().__init__(message)
        self.status = status
