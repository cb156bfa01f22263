"""The messages that grpclib's tests import, built without a compiler for Protocol Buffers."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

METHODS = {
    "UnaryUnary": (False, False),
    "UnaryStream": (False, True),
    "StreamUnary": (True, False),
    "StreamStream": (True, True),
}

_file = descriptor_pb2.FileDescriptorProto(name="dummy.proto", package="dummy", syntax="proto3")
for _name in ("DummyRequest", "DummyReply"):
    _message = _file.message_type.add(name=_name)
    _message.field.add(
        name="value",
        number=1,
        type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
        label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
    )
_service = _file.service.add(name="DummyService")
for _name, (_client_streaming, _server_streaming) in METHODS.items():
    _service.method.add(
        name=_name,
        input_type=".dummy.DummyRequest",
        output_type=".dummy.DummyReply",
        client_streaming=_client_streaming,
        server_streaming=_server_streaming,
    )
descriptor_pool.Default().AddSerializedFile(_file.SerializeToString())

DESCRIPTOR = descriptor_pool.Default().FindFileByName("dummy.proto")
DummyRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["DummyRequest"])
DummyReply = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["DummyReply"])
