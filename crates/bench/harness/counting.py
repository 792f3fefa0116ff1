"""A proxy for plain HTTP that passes everything on and counts requests and the bytes of their bodies."""

import contextlib
import dataclasses
import socket
import threading
import time

PIECE = 1 << 16


@dataclasses.dataclass(frozen=True)
class Seen:
    """A request that came by."""

    at: float
    method: str
    target: str
    sent_bytes: int
    answered_bytes: int


class Proxy:
    """In front of the server on that loopback port, until the process ends."""

    def __init__(self, server):
        self.server, self.seen = server, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        """The requests of one connection. A client may end it before it has its answer, which nobody then waits for."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pass_on(client)

    def pass_on(self, client):
        """All over one connection to the server."""
        with client, socket.create_connection(("127.0.0.1", self.server)) as server:
            from_client, from_server = client.makefile("rb"), server.makefile("rb")
            while head := read_head(from_client):
                at = time.time()
                line, headers = head
                method, target, _ = line.split(" ", 2)
                # The client is let go on at once; the server then gets head and body together.
                if "expect" in headers:
                    client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                    del headers["expect"]
                server.sendall(joined(line, headers))
                sent = pass_body(from_client, server, headers, has_body=True)
                line, headers = read_head(from_server)
                client.sendall(joined(line, headers))
                has_body = method != "HEAD" and line.split(" ")[1] not in ("204", "304")
                answered = pass_body(from_server, client, headers, has_body=has_body)
                self.seen.append(Seen(at, method, target, sent, answered))


def read_head(stream):
    """First line and headers, with their names in lower case; None at the end of the connection."""
    line = stream.readline().decode("latin-1").rstrip("\r\n")
    if not line:
        return None
    headers = {}
    while header := stream.readline().decode("latin-1").rstrip("\r\n"):
        name, value = header.split(":", 1)
        headers[name.lower()] = value.strip()
    return line, headers


def joined(line, headers):
    lines = [line, *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def pass_body(source, target, headers, has_body):
    """Passes a body on; its bytes."""
    if not has_body:
        return 0
    if "chunked" in headers.get("transfer-encoding", ""):
        return pass_chunks(source, target)
    return pass_bytes(source, target, int(headers.get("content-length", 0)))


def pass_chunks(source, target):
    total = 0
    while True:
        line = source.readline()
        size = int(line.split(b";")[0], 16)
        target.sendall(line)
        pass_bytes(source, target, size)
        # The line end of the chunk; after the last one that of the (empty) trailer.
        target.sendall(source.readline())
        total += size
        if size == 0:
            return total


def pass_bytes(source, target, count):
    left = count
    while left > 0:
        piece = source.read(min(left, PIECE))
        if not piece:
            break
        target.sendall(piece)
        left -= len(piece)
    return count - left
