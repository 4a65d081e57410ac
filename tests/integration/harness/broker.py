"""One virtual host: what Celery would publish there, and what waits in its queues."""

import itertools
import json
import socket
import time
from urllib.parse import urlsplit

import amqp

EVENTS_QUEUE = "taskbridge.events"
CELERYEV = "celeryev"
# Celery sends its events transient.
TRANSIENT = 1


def connect(url, **options):
    """A connection of py-amqp to what the URL names."""
    parts = urlsplit(url)
    connection = amqp.Connection(host=f"{parts.hostname}:{parts.port}", userid=parts.username, password=parts.password,
                                 virtual_host=parts.path[1:].replace("%2F", "/"), connect_timeout=10,
                                 read_timeout=30, write_timeout=30, **options)
    connection.connect()
    return connection


class Broker:
    """Publishers here wait for the broker's confirms: what a quorum queue has not yet taken when its publisher's channel
    closes may be lost."""

    def __init__(self, stack, vhost, url):
        self.stack = stack
        self.vhost = vhost
        self.url = url
        self.clock = itertools.count(1)
        self.connection = None

    def channel(self):
        """The publishers' channel; a broker that was started again is connected to anew."""
        if not self.is_connected():
            self.connection = connect(self.url)
            self.confirming = self.connection.channel()
            self.confirming.confirm_select()
            self.declare_exchange(self.confirming)
        return self.confirming

    def version(self):
        """The broker's, as numbers."""
        self.channel()
        return tuple(map(int, self.connection.server_properties["version"].split(".")))

    def is_connected(self):
        """Reads what has come, a farewell of the broker's too."""
        try:
            while self.connection is not None:
                self.connection.drain_events(timeout=0)
        except socket.timeout:
            return True
        except (OSError, amqp.AMQPError):
            self.connection = None
        return False

    def declare_exchange(self, channel=None):
        """celeryev, exactly as Celery declares it."""
        channel = channel or self.channel()
        channel.exchange_declare(CELERYEV, "topic", durable=True, auto_delete=False)

    def declare_queue(self, name=EVENTS_QUEUE, routing_key="#", arguments=None):
        """A durable queue bound to celeryev, a quorum queue unless told otherwise, as a running daemon leaves it."""
        channel = self.channel()
        channel.queue_declare(name, durable=True, auto_delete=False,
                              arguments={"x-queue-type": "quorum"} if arguments is None else arguments)
        channel.queue_bind(name, CELERYEV, routing_key)

    def publish_event(self, kind, **fields):
        """One event as a worker sends it; returns it. Fields replace what it has by itself."""
        event = self.event(kind, **fields)
        self.publish(event, kind.replace("-", "."), headers={"hostname": event["hostname"]})
        return event

    def event(self, kind, **fields):
        return {"type": kind, "hostname": "celery@tests", "timestamp": time.time(), "utcoffset": 0, "pid": 4711,
                "clock": next(self.clock), **fields}

    def publish(self, body, routing_key="task.multi", **options):
        """One message, whose body is bytes or text as they are, or what json.dumps makes of it; confirmed on return.
        Options: exchange, headers, and AMQP's properties."""
        self.publish_all([body], routing_key, **options)

    def publish_all(self, bodies, routing_key="task.multi", timeout=60, **options):
        """Many messages, all of them confirmed on return."""
        channel = self.channel()
        confirmed = Confirms(channel)
        count = 0
        for body in bodies:
            exchange, message = self.message(body, **options)
            channel.basic_publish(message, exchange=exchange, routing_key=routing_key)
            count += 1
            if count - confirmed.count > 2000:
                confirmed.wait(count - 1000, timeout)
        confirmed.wait(count, timeout)

    @staticmethod
    def message(body, exchange=CELERYEV, headers=None, **properties):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode("utf-8")
        properties = {"content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": TRANSIENT,
                      **properties}
        return exchange, amqp.Message(body, application_headers=headers or {}, **properties)

    def queue(self, name=EVENTS_QUEUE):
        """Of a queue: ready, unacked, consumers; None if there is none by that name. Asked of the queue itself, for the
        broker's own statistics lag by seconds; and again, for one that has no leader yet forgets what it was asked."""
        return self.stack.evaluate_json(f"""
            case rabbit_amqqueue:lookup({self.resource("queue", name)}) of
                {{error, not_found}} -> null;
                {{ok, Queue}} -> case amqqueue:get_type(Queue) of
                    rabbit_quorum_queue ->
                        All = fun(State) ->
                            #{{ready => rabbit_fifo:query_messages_ready(State),
                              unacked => rabbit_fifo:query_messages_checked_out(State),
                              consumers => rabbit_fifo:query_consumer_count(State)}}
                        end,
                        Ask = fun Ask(Tries) ->
                            case ra:leader_query(amqqueue:get_pid(Queue), All, 500) of
                                {{ok, {{_, Answer}}, _}} -> Answer;
                                _ when Tries > 0 -> timer:sleep(25), Ask(Tries - 1)
                            end
                        end,
                        Ask(40);
                    _ ->
                        [{{_, Ready}}, {{_, Unacked}}, {{_, Consumers}}] = rabbit_amqqueue:info(Queue,
                            [messages_ready, messages_unacknowledged, consumers]),
                        #{{ready => Ready, unacked => Unacked, consumers => Consumers}}
                end
            end.""")

    def resource(self, kind, name):
        return f'rabbit_misc:r(<<"{self.vhost}">>, {kind}, <<"{name}"/utf8>>)'

    def consumers(self, name=EVENTS_QUEUE):
        """How many consume the queue; none if it is not there."""
        return (self.queue(name) or {"consumers": 0})["consumers"]

    def unsettled(self, name=EVENTS_QUEUE):
        """How many messages of the queue are not acked, handed out or not."""
        state = self.queue(name) or {"ready": 0, "unacked": 0}
        return state["ready"] + state["unacked"]

    def delete_queue(self, name=EVENTS_QUEUE):
        self.channel().queue_delete(name)

    def get(self, name=EVENTS_QUEUE):
        """The oldest message of the queue, acked; None if it is empty."""
        return self.channel().basic_get(name, no_ack=True)

    def connections(self):
        """The names that the clients of this virtual host gave their connections; empty where they gave none."""
        return self.stack.evaluate_json(f"""
            [case lists:keyfind(<<"connection_name">>, 1, Properties) of {{_, _, Name}} -> Name; false -> <<>> end ||
                Pid <- rabbit_networking:connections(),
                [{{vhost, <<"{self.vhost}">>}}, {{client_properties, Properties}}] <-
                    [catch rabbit_networking:connection_info(Pid, [vhost, client_properties])],
                is_list(Properties)].""")

    def close_connections(self, reason="closed by a test"):
        """Has the broker close every connection of this virtual host, as an operator would."""
        self.stack.evaluate(f"""
            [rabbit_networking:close_connection(Pid, "{reason}") || Pid <- rabbit_networking:connections(),
                [{{vhost, <<"{self.vhost}">>}}] == (catch rabbit_networking:connection_info(Pid, [vhost]))].""")

    def close(self):
        if self.connection is not None:
            try:
                self.connection.close()
            except (OSError, amqp.AMQPError):
                pass
            self.connection = None


class Confirms:
    """Counts what the broker confirms of a channel's messages from now on."""

    def __init__(self, channel):
        self.channel = channel
        # Tags go on from what the channel has published already.
        self.first = getattr(channel, "tags_used", 0)
        self.settled = set()
        self.through = self.first
        channel.events["basic_ack"] = {self.acked}
        channel.events["basic_nack"] = {self.refused}

    @property
    def count(self):
        return self.through - self.first

    def acked(self, tag, multiple):
        if multiple:
            self.settled = {other for other in self.settled if other > tag}
            self.through = max(self.through, tag)
        else:
            self.settled.add(tag)
        while self.through + 1 in self.settled:
            self.through += 1
            self.settled.remove(self.through)

    def refused(self, tag, multiple):
        raise AssertionError(f"the broker refused message {tag}{' and those before it' if multiple else ''}")

    def wait(self, count, timeout):
        end = time.monotonic() + timeout
        while self.count < count:
            left = end - time.monotonic()
            assert left > 0, f"the broker confirmed {self.count} of {count} messages within {timeout} s"
            self.channel.connection.drain_events(timeout=left)
        self.channel.tags_used = self.first + count
