"""Clients of live streams: server-sent events and WebSockets, read byte by byte from a socket of their own."""

import base64
import json
import os
import socket
import struct
import time
from urllib.parse import urlsplit


class Stream:
    """The connection and the answer's head: status, headers (names in lower case)."""

    def __init__(self, url, path, headers, timeout=20):
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=timeout)
        lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {value}" for name, value in headers.items())]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.buffer = b""
        head = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        self.status = int(head[0].split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}

    def more(self):
        part = self.socket.recv(65536)
        if not part:
            raise EOFError
        self.buffer += part

    def read_until(self, mark):
        while mark not in self.buffer:
            self.more()
        part, self.buffer = self.buffer.split(mark, 1)
        return part

    def read_bytes(self, count):
        while len(self.buffer) < count:
            self.more()
        part, self.buffer = self.buffer[:count], self.buffer[count:]
        return part

    def ended(self):
        """Whether the server closes it, after whatever it still sends."""
        try:
            while True:
                self.more()
        except (EOFError, ConnectionResetError):
            return True
        except socket.timeout:
            return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Events(Stream):
    """next() gives a dict of an event's fields; a comment is {"": text}."""

    def __init__(self, server, path, token=None, last=None, **options):
        headers = {"Accept": "text/event-stream"}
        if token:
            headers["Authorization"] = f"Token {token}"
        if last is not None:
            headers["Last-Event-ID"] = last
        headers.update(options.pop("headers", {}))
        super().__init__(server.url, path, headers, **options)

    def next(self):
        block = self.read_until(b"\n\n").decode()
        fields = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            fields[name] = value[1:] if value.startswith(" ") else value
        return fields

    def document(self):
        """The next document, past whatever else comes."""
        while True:
            event = self.next()
            if "data" in event and "event" not in event:
                document = json.loads(event["data"])
                assert event["id"] == document["version"]
                return document


TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class WebSocket(Stream):
    def __init__(self, server, path, token=None, protocols=None, headers=None, **options):
        sent = {"Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}
        if token:
            sent["Authorization"] = f"Token {token}"
        if protocols:
            sent["Sec-WebSocket-Protocol"] = protocols
        sent.update(headers or {})
        self.key = sent["Sec-WebSocket-Key"]
        super().__init__(server.url, path, sent, **options)

    def frame(self):
        """(opcode, payload) of the next frame, which a server neither masks nor fragments."""
        first, second = self.read_bytes(2)
        assert first & 0x80 and not second & 0x80
        length = second
        if length == 126:
            (length,) = struct.unpack(">H", self.read_bytes(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.read_bytes(8))
        return first & 0x0F, self.read_bytes(length)

    def send(self, opcode, payload=b"", masked=True):
        mask = os.urandom(4) if masked else b""
        length = bytes([len(payload) | (0x80 if masked else 0)])
        body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)) if masked else payload
        self.socket.sendall(bytes([0x80 | opcode]) + length + mask + body)

    def document(self):
        while True:
            opcode, payload = self.frame()
            if opcode == TEXT:
                return json.loads(payload)

    def close_code(self):
        """The code of the close frame that comes, past whatever else."""
        while True:
            opcode, payload = self.frame()
            if opcode == CLOSE:
                return struct.unpack(">H", payload[:2])[0] if payload else None


def seconds(function):
    began = time.monotonic()
    function()
    return time.monotonic() - began
