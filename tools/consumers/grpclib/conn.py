"""The module `conn` for grpclib's tests: ends of a connection, with an H2Connection as the peer."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

from dummy_pb2 import DummyReply, DummyRequest
from grpclib.client import Channel, Handler
from grpclib.client import Stream as ClientSideStream
from grpclib.config import Configuration
from grpclib.const import Cardinality
from grpclib.encoding.base import CodecBase
from grpclib.encoding.proto import ProtoCodec
from grpclib.events import _DispatchChannelEvents, _DispatchServerEvents
from grpclib.metadata import Deadline
from grpclib.protocol import H2Protocol
from grpclib.server import Server
from grpclib.server import Stream as ServerSideStream
from multidict import MultiDict
from stubs import DummyHandler, TransportStub

from h2.config import H2Configuration
from h2.connection import H2Connection

PROTO = ProtoCodec()
PREFIX = struct.Struct("!?I")


def grpc_encode(message: Any, message_type: Any, codec: CodecBase = PROTO) -> bytes:
    """A gRPC message on the wire: not compressed, its length, its octets."""
    octets: bytes = codec.encode(message, message_type)
    return PREFIX.pack(False, len(octets)) + octets


def grpc_decode(data: bytes, message_type: Any, codec: CodecBase = PROTO) -> Any:
    """Parse such a message."""
    _, length = PREFIX.unpack_from(data)
    return codec.decode(data[PREFIX.size : PREFIX.size + length], message_type)


def _connection(client_side: bool) -> H2Connection:
    conn = H2Connection(H2Configuration(client_side=client_side, header_encoding="ascii"))
    conn.initiate_connection()
    return conn


def _protocol(client_side: bool, handler: Any, transport: TransportStub) -> H2Protocol:
    config = H2Configuration(client_side=client_side, header_encoding="ascii")
    protocol = H2Protocol(handler, Configuration().__for_test__(), config)
    protocol.connection_made(transport)
    return protocol


class ClientConn:
    """A client of grpclib, and an H2Connection that plays the server."""

    def __init__(self) -> None:
        self.server_h2c = _connection(client_side=False)
        self.to_server_transport = TransportStub(self.server_h2c)
        self.client_proto = _protocol(True, Handler(), self.to_server_transport)
        self.server_flush()
        self.to_server_transport.events()

    def server_flush(self) -> None:
        """Pass the server's output to the client."""
        self.client_proto.data_received(self.server_h2c.data_to_send())


class ServerConn:
    """A server of grpclib, and an H2Connection that plays the client."""

    def __init__(self) -> None:
        self.client_h2c = _connection(client_side=True)
        self.to_client_transport = TransportStub(self.client_h2c)
        self.server_proto = _protocol(False, DummyHandler(), self.to_client_transport)
        self.client_flush()
        self.to_client_transport.events()

    def client_flush(self) -> None:
        """Pass the client's output to the server."""
        self.server_proto.data_received(self.client_h2c.data_to_send())


class ChannelStub(Channel):
    """A channel that connects only after its timeout."""

    def __init__(self, protocol: H2Protocol, connect_time: float, codec: CodecBase) -> None:
        super().__init__(codec=codec)
        self._authority = "test.com"
        self._stub_protocol = protocol
        self._connect_time = connect_time

    async def __connect__(self) -> H2Protocol:
        if self._connect_time:
            await asyncio.sleep(self._connect_time)
        return self._stub_protocol


class ClientStream:
    """A call that a client of grpclib makes."""

    def __init__(
        self,
        *,
        client_conn: ClientConn | None = None,
        send_type: Any = None,
        recv_type: Any = None,
        path: str = "/foo/bar",
        codec: CodecBase = PROTO,
        cardinality: Cardinality = Cardinality.UNARY_UNARY,
        connect_time: float = 0,
        timeout: float | None = None,
        deadline: Any = None,
    ) -> None:
        self.client_conn = client_conn or ClientConn()
        self.channel = ChannelStub(self.client_conn.client_proto, connect_time, codec)
        if timeout is not None:
            deadline = Deadline.from_timeout(timeout)
        self.client_stream = ClientSideStream(
            self.channel,
            path,
            MultiDict(),
            cardinality,
            send_type,
            recv_type,
            codec=codec,
            status_details_codec=None,
            dispatch=_DispatchChannelEvents(),
            deadline=deadline,
        )


class ServerStream:
    """A call that reaches a server of grpclib."""

    def __init__(
        self,
        *,
        codec: CodecBase = PROTO,
        path: str = "/foo/bar",
        content_type: str | None = None,
        cardinality: Cardinality = Cardinality.UNARY_UNARY,
    ) -> None:
        self.server_conn = ServerConn()
        client = self.server_conn.client_h2c
        self.stream_id = client.get_next_available_stream_id()
        subtype = codec.__content_subtype__
        request = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "test.com"),
            ("te", "trailers"),
            ("content-type", content_type or f"application/grpc+{subtype}"),
        ]
        client.send_headers(self.stream_id, request)
        self.server_conn.client_flush()
        handler: DummyHandler = self.server_conn.server_proto.processor.handler
        self.server_h2s = handler.stream
        self.server_stream = ServerSideStream(
            self.server_h2s,
            path,
            cardinality,
            DummyRequest,
            DummyReply,
            codec=codec,
            status_details_codec=None,
            dispatch=_DispatchServerEvents(),
        )


class ClientServer:
    """A client and a server of grpclib over a real socket: gives the service and the stub."""

    server: Server
    channel: Channel

    def __init__(
        self,
        service: Callable[[], Any],
        stub: Callable[[Channel], Any],
        *,
        codec: CodecBase | None = None,
        config: Configuration | None = None,
    ) -> None:
        self._service, self._stub = service, stub
        self._codec, self._config = codec, config

    async def __aenter__(self) -> tuple[Any, Any]:
        service = self._service()
        self.server = Server([service], codec=self._codec, config=self._config)
        await self.server.start("127.0.0.1", 0)
        ((_, port),) = (socket.getsockname() for socket in self.server._server.sockets)
        self.channel = Channel("127.0.0.1", port, codec=self._codec, config=self._config)
        return service, self._stub(self.channel)

    async def __aexit__(self, *_: object) -> None:
        self.channel.close()
        self.server.close()
        await self.server.wait_closed()
