"""A proxy in front of RabbitMQ that reads the frames of its clients, counts their methods and may swallow some."""

import collections
import struct

from .proxy import Proxy

QUEUE_BIND = (50, 20)
BASIC_CONSUME = (60, 20)
BASIC_PUBLISH = (60, 40)
CONFIRM_SELECT = (85, 10)
HEADER_BYTES = len(b"AMQP\0\0\x09\x01")


class FrameProxy(Proxy):
    """swallows holds the methods that never reach the broker; methods counts all that came."""

    def __init__(self, server_port):
        self.swallows = set()
        self.methods = collections.Counter()
        self.rests = {}
        super().__init__(server_port)

    def forward(self, pair, target, data):
        if target is pair[1]:
            data = self.strain(pair, data)
        super().forward(pair, target, data)

    def strain(self, pair, data):
        """What of the client's bytes goes on: whole frames that are not swallowed."""
        rest = self.rests.get(pair)
        passed = b""
        if rest is None:
            passed, data = data[:HEADER_BYTES], data[HEADER_BYTES:]
            rest = b""
        rest += data
        while len(rest) >= 7:
            kind, _, size = struct.unpack(">BHI", rest[:7])
            end = 7 + size + 1
            if len(rest) < end:
                break
            method = struct.unpack(">HH", rest[7:11]) if kind == 1 else None
            if method:
                self.methods[method] += 1
            if method not in self.swallows:
                passed += rest[:end]
            rest = rest[end:]
        self.rests[pair] = rest
        return passed
