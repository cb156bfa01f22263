"""The service that grpclib's tests import: the base of a server and the stub of a client."""

from __future__ import annotations

import abc
from typing import Any

from dummy_pb2 import METHODS, DummyReply, DummyRequest
from grpclib.client import (
    StreamStreamMethod,
    StreamUnaryMethod,
    UnaryStreamMethod,
    UnaryUnaryMethod,
)
from grpclib.const import Cardinality, Handler

CLIENT_METHODS = {
    Cardinality.UNARY_UNARY: UnaryUnaryMethod,
    Cardinality.UNARY_STREAM: UnaryStreamMethod,
    Cardinality.STREAM_UNARY: StreamUnaryMethod,
    Cardinality.STREAM_STREAM: StreamStreamMethod,
}


def _path(method: str) -> str:
    return f"/dummy.DummyService/{method}"


class DummyServiceBase(abc.ABC):
    """A server implements the four methods."""

    @abc.abstractmethod
    async def UnaryUnary(self, stream: Any) -> None:
        """One message each way."""

    @abc.abstractmethod
    async def UnaryStream(self, stream: Any) -> None:
        """One message there, any number back."""

    @abc.abstractmethod
    async def StreamUnary(self, stream: Any) -> None:
        """Any number of messages there, one back."""

    @abc.abstractmethod
    async def StreamStream(self, stream: Any) -> None:
        """Any number of messages each way."""

    def __mapping__(self) -> dict[str, Handler]:
        """The methods of the service, for the server of grpclib."""
        return {
            _path(name): Handler(
                getattr(self, name), Cardinality(streaming), DummyRequest, DummyReply
            )
            for name, streaming in METHODS.items()
        }


class DummyServiceStub:
    """A client finds the four methods as attributes."""

    def __init__(self, channel: Any) -> None:
        for name, streaming in METHODS.items():
            method = CLIENT_METHODS[Cardinality(streaming)]
            setattr(self, name, method(channel, _path(name), DummyRequest, DummyReply))
