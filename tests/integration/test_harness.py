"""The harness itself, without our programs: a test that passes must have been able to fail."""

import socket
import subprocess
import sys

import amqp
import psycopg2
import pytest

from harness import EVENTS_QUEUE, Database, Process, Proxy, Site, wait_until
from harness.broker import connect
from harness.process import base_environment
from harness.stack import ROOT


def test_published_events_wait_in_the_quorum_queue_until_somebody_takes_them(bare_site):
    broker = bare_site.broker
    broker.declare_queue()
    broker.publish_event("task-started", uuid="a")
    broker.publish_all([[{"n": n}] for n in range(3000)])
    assert broker.unsettled() == 3001
    assert broker.get().delivery_info["routing_key"] == "task.started"
    assert broker.queue() == {"ready": 3000, "unacked": 0, "consumers": 0}
    broker.delete_queue()
    assert broker.queue() is None


def test_handed_out_messages_count_as_unsettled(bare_site):
    broker = bare_site.broker
    broker.declare_queue()
    broker.publish_all(["{}", "{}"])
    connection = connect(broker.url, client_properties={"connection_name": "a consumer"})
    channel = connection.channel()
    channel.basic_consume(EVENTS_QUEUE, callback=lambda message: None)
    wait_until(lambda: broker.queue()["unacked"] == 2, what="both are handed out")
    assert broker.queue() == {"ready": 0, "unacked": 2, "consumers": 1}
    assert "a consumer" in broker.connections()
    connection.close()
    wait_until(lambda: broker.queue() == {"ready": 2, "unacked": 0, "consumers": 0}, what="both are back")


def test_classic_queues_are_counted_too(bare_site):
    broker = bare_site.broker
    broker.declare_queue("plain", arguments={})
    broker.publish("{}", "task.sent")
    assert broker.queue("plain") == {"ready": 1, "unacked": 0, "consumers": 0}


def test_the_broker_closes_connections_on_request(bare_site):
    connection = connect(bare_site.broker.url)
    bare_site.broker.close_connections()
    with pytest.raises((amqp.AMQPError, OSError)):
        connection.drain_events(timeout=10)
    bare_site.broker.publish("{}")


def test_sites_share_nothing(bare_site, stack, admin, tmp_path):
    other = Site(stack, admin, tmp_path)
    try:
        bare_site.database.execute("CREATE TABLE here (n int)")
        assert other.database.value("SELECT to_regclass('here') IS NULL")
        bare_site.broker.declare_queue()
        assert other.broker.queue() is None
    finally:
        other.close()
    with pytest.raises(psycopg2.OperationalError):
        Database(other.database_url).query("SELECT 1")


def test_a_user_may_do_no_more_than_was_permitted(bare_site, stack):
    stack.add_user("narrow", bare_site.name, "^narrow", "^narrow", "^narrow")
    try:
        url = bare_site.amqp_url.replace(bare_site.amqp_url.split("//")[1].split("@")[0], "narrow:secret")
        connection = connect(url)
        connection.channel().queue_declare("narrow.queue", durable=True, auto_delete=False)
        with pytest.raises(amqp.exceptions.AccessRefused):
            connection.channel().queue_declare("wide.queue", durable=True, auto_delete=False)
        connection.close()
    finally:
        stack.delete_user("narrow")


def test_servers_that_were_killed_come_back_with_what_was_confirmed(bare_site, stack):
    bare_site.broker.declare_queue()
    bare_site.broker.publish_event("task-started", uuid="a")
    bare_site.database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    for server in ("rabbitmq", "postgresql"):
        stack.kill(server)
        assert stack.command("status", check=False).returncode == 1
        stack.start(server)
    wait_until(lambda: bare_site.broker.unsettled() == 1, what="the event is there again")
    assert bare_site.database.value("SELECT answer FROM kept") == 42


def test_a_second_start_is_harmless(stack):
    before = stack.command("status").stdout
    stack.command("start")
    assert stack.command("status").stdout == before


@pytest.fixture
def echo():
    """A server that sends back what it gets; yields a proxy in front of it."""
    code = ("import socketserver\n"
            "class Echo(socketserver.BaseRequestHandler):\n"
            "    def handle(self):\n"
            "        while data := self.request.recv(65536): self.request.sendall(data)\n"
            "socketserver.ThreadingTCPServer.daemon_threads = True\n"
            "with socketserver.ThreadingTCPServer(('127.0.0.1', 0), Echo) as server:\n"
            "    print(server.server_address[1], flush=True)\n"
            "    server.serve_forever()\n")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as server:
        proxy = Proxy(int(server.stdout.readline()))
        yield proxy
        proxy.close()
        server.kill()


def client_of(proxy, timeout=10):
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=timeout)
    client.sendall(b"hello")
    return client


def received(client, count):
    data = b""
    while len(data) < count:
        part = client.recv(count - len(data))
        if not part:
            break
        data += part
    return data


def test_the_proxy_passes_and_trickles(echo):
    client = client_of(echo)
    assert received(client, 5) == b"hello"
    echo.trickle()
    client.sendall(b"x" * 500)
    assert received(client, 500) == b"x" * 500
    wait_until(lambda: echo.bytes == 2 * 505, what="every byte is counted")


def test_a_stalled_proxy_loses_nothing(echo):
    client = client_of(echo)
    assert received(client, 5) == b"hello"
    echo.stall()
    client.sendall(b"later")
    client.settimeout(0.5)
    with pytest.raises(socket.timeout):
        client.recv(1)
    echo.restore()
    client.settimeout(10)
    assert received(client, 5) == b"later"


def test_a_half_open_connection_is_dead_for_the_server_and_silent_for_the_client(echo):
    client = client_of(echo)
    assert received(client, 5) == b"hello"
    echo.half_open()
    client.sendall(b"lost")
    client.settimeout(0.5)
    with pytest.raises(socket.timeout):
        client.recv(1)
    wait_until(lambda: echo.bytes == 10, what="what came before is counted, and no more")


def test_the_proxy_cuts_resets_and_refuses(echo):
    client = client_of(echo)
    assert received(client, 5) == b"hello"
    echo.cut()
    assert client.recv(1) == b""
    client = client_of(echo)
    assert received(client, 5) == b"hello"
    echo.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    echo.refuse()
    client = socket.create_connection(("127.0.0.1", echo.port), timeout=10)
    assert client.recv(1) == b""
    echo.restore()
    client = client_of(echo)
    assert received(client, 5) == b"hello"
    wait_until(lambda: echo.connections() == 1, what="only the last connection is open")


def test_a_process_that_ends_by_itself_is_a_failure_and_one_that_was_killed_is_not(tmp_path):
    code = "import sys, time; print('up', flush=True); time.sleep(60 if len(sys.argv) == 1 else 0); sys.exit(3)"
    killed = Process("killed", [sys.executable, "-c", code], base_environment(), tmp_path)
    killed.wait_for("up")
    killed.kill()
    killed.close()
    failed = Process("failed", [sys.executable, "-c", code, "now"], base_environment(), tmp_path)
    wait_until(lambda: not failed.is_running(), what="it ends")
    with pytest.raises(AssertionError, match="ended by itself with 3"):
        failed.close()
    with pytest.raises(AssertionError, match="ended with 3 before"):
        failed.wait_for("never")


def test_a_wait_that_is_in_vain_says_for_what():
    with pytest.raises(AssertionError, match="not within 0 s: the moon"):
        wait_until(lambda: None, timeout=0, what="the moon")


def test_celery_workers_send_their_events_to_the_site(bare_site):
    bare_site.broker.declare_queue()
    bare_site.start_worker("demo.app", "prefork")
    bare_site.python("-c", "from demo.faults import add; add.delay(1, 2)")
    seen = set()

    def all_seen():
        message = bare_site.broker.get()
        if message is not None:
            seen.add(message.delivery_info["routing_key"])
        return {"worker.online", "task.sent", "task.multi"} <= seen

    wait_until(all_seen, what="the worker's and the task's events")


def test_what_may_be_tried_again_is_named_with_its_reason():
    done = subprocess.run([sys.executable, ROOT / "tests" / "again.py", "/dev/stdin"], text=True, check=True,
                          capture_output=True, input="""<testsuites><testsuite>
                          <testcase classname="integration.test_stack" name="test_never[1]"><failure/></testcase>
                          <testcase classname="integration.test_stack" name="test_passed"/></testsuite></testsuites>""")
    assert done.stdout == "", "a test that no line names is tried again"
    for line in (ROOT / "tests" / "again.txt").read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or len(line.split(maxsplit=1)) == 2
