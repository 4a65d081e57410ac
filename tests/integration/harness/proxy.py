"""A network between a program and a server that can be broken in every usual way, and repaired.

Threads, one for each direction of a connection, move what comes. What they do with it is the proxy's mode, which may
change at any moment and holds for the connections that are open, too.
"""

import socket
import struct
import threading
from urllib.parse import urlsplit

from .database import with_address

PASS, STALL, HALF_OPEN, TRICKLE = "pass", "stall", "half-open", "trickle"
# How long a thread at most needs to notice a change.
TICK = 0.05
RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Listens on a port of its own of 127.0.0.1 and connects each client to the server's port."""

    def __init__(self, server_port):
        self.server_port = server_port
        self.mode = PASS
        self.refusing = False
        self.bytes = 0
        self.accepted = 0
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.pairs = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.settimeout(TICK)
        self.port = self.listener.getsockname()[1]
        self.closed = False
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    @classmethod
    def of(cls, url):
        """In front of the server that the URL names."""
        return cls(urlsplit(url).port)

    def url(self, url):
        """The server's URL, by way of this proxy."""
        return with_address(url, self.port)

    def connections(self):
        """How many are open."""
        with self.lock:
            return len(self.pairs)

    def restore(self):
        """Everything passes again; connections that were broken stay broken."""
        self.refusing = False
        self.switch(PASS)

    def stall(self):
        """Nothing passes and nothing is read, as on a network that drops every packet; later it goes on."""
        self.switch(STALL)

    def half_open(self):
        """The servers lose their clients; the clients are told nothing, and what they send is lost. Clients that come
        meanwhile are accepted and get no answer."""
        self.switch(HALF_OPEN)
        for _, server in self.open_pairs():
            shut(server)

    def trickle(self):
        """Everything passes, one byte at a time."""
        self.switch(TRICKLE)

    def cut(self):
        """Every connection is closed in order; new ones are still accepted."""
        self.end(lambda connection: None)

    def reset(self):
        """Every connection is reset; new ones are still accepted."""
        self.end(lambda connection: connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET))

    def refuse(self):
        """Every connection is closed, and new ones at once, as by a server that is down, until restore()."""
        self.refusing = True
        self.cut()

    def switch(self, mode):
        with self.changed:
            self.mode = mode
            self.changed.notify_all()

    def open_pairs(self):
        with self.lock:
            return list(self.pairs)

    def end(self, prepare):
        for pair in self.open_pairs():
            for connection in pair:
                try:
                    prepare(connection)
                except OSError:
                    pass
            self.drop(pair)

    def drop(self, pair):
        with self.lock:
            self.pairs.discard(pair)
        for connection in pair:
            # A thread that waits in recv() keeps the connection open; shutdown wakes it, but would spoil a reset.
            if connection.fileno() != -1 and not resets(connection):
                shut(connection)
            connection.close()

    def accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
            except socket.timeout:
                continue
            except OSError:
                return
            self.accepted += 1
            self.welcome(client)

    def welcome(self, client):
        if self.refusing:
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.server_port), timeout=5)
        except OSError:
            client.close()
            return
        pair = (client, server)
        for connection in pair:
            connection.settimeout(TICK)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.pairs.add(pair)
        if self.refusing:
            self.drop(pair)
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=self.pump, args=(pair, source, target), daemon=True).start()

    def pump(self, pair, source, target):
        try:
            while pair in self.pairs:
                if self.mode == STALL or (self.mode == HALF_OPEN and source is pair[1]):
                    self.wait_for_change()
                    continue
                try:
                    data = source.recv(65536)
                except socket.timeout:
                    continue
                if not data:
                    break
                self.forward(pair, target, data)
        except OSError:
            pass
        # What ended while it was half open stays unnoticed by the other side.
        while self.mode == HALF_OPEN and source is pair[1] and not self.closed and pair in self.pairs:
            self.wait_for_change()
        self.drop(pair)

    def wait_for_change(self):
        with self.changed:
            self.changed.wait(TICK)

    def forward(self, pair, target, data):
        """All of it, whatever the mode becomes on the way; lost if half open."""
        while data and pair in self.pairs:
            if self.mode == STALL:
                self.wait_for_change()
                continue
            if self.mode == HALF_OPEN:
                return
            try:
                sent = target.send(data[:1] if self.mode == TRICKLE else data)
            except socket.timeout:
                continue
            with self.lock:
                self.bytes += sent
            data = data[sent:]

    def close(self):
        self.closed = True
        self.listener.close()
        self.cut()
        self.thread.join(5)


def resets(connection):
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET)) == RESET


def shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
