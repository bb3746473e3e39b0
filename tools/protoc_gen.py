"""Runs one of grpcio-tools' built-in generators as a buf plugin (buf refuses `grpc_python` as a built-in)."""

from __future__ import annotations

import pathlib
import sys
import tempfile

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2
from grpc_tools import protoc  # type: ignore[import-untyped]  # the package has neither stubs nor py.typed


def run(generator: str, request: plugin_pb2.CodeGeneratorRequest, folder: pathlib.Path) -> int:
    """Run protoc over the request's files; generated files land in `folder`. Returns protoc's exit code."""
    image = folder.parent / "image.binpb"
    image.write_bytes(descriptor_pb2.FileDescriptorSet(file=request.proto_file).SerializeToString())
    prefix = f"{request.parameter}:" if request.parameter else ""
    arguments = ["protoc", f"--descriptor_set_in={image}", f"--{generator}_out={prefix}{folder}"]
    return int(protoc.main([*arguments, *request.file_to_generate]))


def main() -> int:
    """Read a CodeGeneratorRequest from stdin, write the response to stdout."""
    request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    with_services = {file.name.removesuffix(".proto") for file in request.proto_file if file.service}
    response = plugin_pb2.CodeGeneratorResponse(supported_features=1)  # proto3 optional
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary, "out")
        folder.mkdir()
        if code := run(sys.argv[1], request, folder):
            return code
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder).as_posix()
            if name.removesuffix("_pb2_grpc.py") in with_services:
                response.file.add(name=name, content=path.read_text("utf-8"))
    sys.stdout.buffer.write(response.SerializeToString())
    return 0


if __name__ == "__main__":
    sys.exit(main())
