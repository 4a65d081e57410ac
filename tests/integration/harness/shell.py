"""What `rabbitmqctl eval` does, a hundred times faster: each start of rabbitmqctl costs an Erlang machine of its own.

One rabbitmqctl has the broker listen on a socket in a directory that only we may enter; it takes one connection,
evaluates what comes over it, and is gone when that closes. A broker that was started again is entered anew.
"""

import json
import pathlib
import shutil
import socket
import struct
import tempfile
import threading

SERVE = r"""
Serve = fun Serve(Socket) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Text} ->
            Answer = try
                {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text)),
                {ok, Expressions} = erl_parse:parse_exprs(Tokens),
                {value, Value, _} = erl_eval:exprs(Expressions, []),
                case is_binary(Value) of true -> [<<"+">>, Value]; false -> io_lib:format("+~tp", [Value]) end
            catch Class:Reason -> io_lib:format("-~tp", [{Class, Reason}])
            end,
            ok = gen_tcp:send(Socket, unicode:characters_to_binary(Answer)),
            Serve(Socket);
        {error, closed} -> ok
    end
end,
Caller = self(),
spawn(fun() ->
    group_leader(whereis(init), self()),
    {ok, Listener} = gen_tcp:listen(0, [{ifaddr, {local, "%s"}}, binary, {packet, 4}, {active, false}]),
    Caller ! listening,
    {ok, Socket} = gen_tcp:accept(Listener, 20000),
    gen_tcp:close(Listener),
    Serve(Socket)
end),
receive listening -> ok after 10000 -> exit(not_listening) end.
"""


class Shell:
    """Evaluates Erlang in the broker; rabbitmqctl is a function of its arguments."""

    def __init__(self, rabbitmqctl):
        self.rabbitmqctl = rabbitmqctl
        self.lock = threading.Lock()
        self.connection = None

    def evaluate(self, expressions):
        """The last one's value: a binary as it is, all else as Erlang writes it."""
        with self.lock:
            try:
                answer = self.ask(expressions)
            except OSError:
                # That broker is gone; the one that runs now is told, and not twice.
                self.close()
                answer = self.ask(expressions)
        assert answer.startswith("+"), f"{expressions}: {answer[1:]}"
        return answer[1:]

    def evaluate_json(self, expressions):
        """The value of the last of these, which must be one that rabbit_json writes; binaries are strings."""
        return json.loads(self.evaluate(f"Value__ = begin {expressions.rstrip('. ')} end, rabbit_json:encode(Value__)."))

    def ask(self, expressions):
        if self.connection is None:
            self.open()
        text = expressions.encode("utf-8")
        self.connection.sendall(struct.pack(">I", len(text)) + text)
        (length,) = struct.unpack(">I", self.receive(4))
        return self.receive(length).decode("utf-8")

    def open(self):
        directory = tempfile.mkdtemp(prefix="taskbridge-", dir="/tmp")
        try:
            path = str(pathlib.Path(directory) / "shell")
            self.rabbitmqctl("eval", SERVE % path)
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(60)
            connection.connect(path)
            self.connection = connection
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def receive(self, count):
        data = b""
        while len(data) < count:
            part = self.connection.recv(count - len(data))
            if not part:
                raise ConnectionResetError("the broker closed the shell")
            data += part
        return data

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None
