"""How the daemon reaches the broker: slow names, silent places, lists, and what it asks for when it is there."""

import socket
import ssl
import threading
import time

import pytest

from harness import wait_until
from harness.frames import BASIC_CONSUME, CONFIRM_SELECT, QUEUE_BIND, FrameProxy
from harness.names import names_environment
from harness.proxy import Proxy
from harness.tls import Authority
from liveness import await_workers, freeze, send, start_judge, start_worker, wait_for

pytestmark = pytest.mark.sanitized

LOCAL = "127.0.0.1"
# Not of any server: each test lets one listen there that says nothing.
SILENT = "127.0.0.2"


class SilentServer:
    """Accepts, reads nothing, says nothing."""

    def __init__(self, address, port=0):
        self.listener = socket.create_server((address, port), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"amqp://u:p@{address}:{self.port}//"

    def close(self):
        self.listener.close()


@pytest.fixture
def silent():
    servers = []

    def listen(*place):
        servers.append(SilentServer(*place))
        return servers[-1]

    yield listen
    for server in servers:
        server.close()


def broker_port(site):
    return int(site.amqp_url.rsplit("/", 1)[0].rsplit(":", 1)[1])


def named(site, name):
    """The site's URL with this name for the broker's host."""
    return site.amqp_url.replace(f"@{LOCAL}:", f"@{name}:")


def publish_and_wait(site, task_id):
    site.broker.publish_event("task-started", uuid=task_id)
    wait_until(lambda: site.database.row(task_id) is not None, 30, f"the row of {task_id}")


def beats(site):
    """How often the daemon's row was written: the sign that its loop turns."""
    return site.database.value("SELECT max(heartbeat_at) FROM bridge_instances") or 0


def stops_quickly(daemon, within_s=5):
    started = time.monotonic()
    daemon.terminate()
    assert time.monotonic() - started < within_s


def test_a_name_that_takes_ten_seconds_holds_nothing(site):
    site.config["amqp"] = {"connect_timeout_s": 1}
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=named(site, "slow.test"),
                               **names_environment({"slow.test": [LOCAL]}, delay_s=10))
    daemon.wait_for("nobody said within 1000 ms what address the name slow.test has")
    assert daemon.events("database_connected")
    stops_quickly(daemon)


def test_a_name_slower_than_the_patience_is_used_all_the_same(site):
    site.config["amqp"] = {"connect_timeout_s": 1}
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=named(site, "slow.test"),
                               **names_environment({"slow.test": [LOCAL]}, delay_s=4))
    daemon.wait_until(lambda: site.broker.consumers() == 1, 30, "it consumes")
    publish_and_wait(site, "a")


def test_a_broker_that_accepts_and_says_nothing_holds_nothing(site, silent):
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=silent(LOCAL).url)
    daemon.wait_for_event("database_connected")
    first = daemon.wait_until(lambda: beats(site), 10, "the first heartbeat")
    daemon.wait_until(lambda: beats(site) != first, 10, "another one")
    stops_quickly(daemon)


def test_a_silent_address_of_a_name_takes_no_more_than_its_share(site, silent):
    silent(SILENT, broker_port(site))
    site.config["amqp"] = {"connect_timeout_s": 2}
    daemon = site.start_daemon(TASKBRIDGE_AMQP_URL=named(site, "two.test"),
                               **names_environment({"two.test": [SILENT, LOCAL]}))
    publish_and_wait(site, "a")
    assert not daemon.events("broker_lost")


def test_a_silent_broker_of_a_list_takes_no_more_than_its_share(site, silent):
    site.config["amqp"] = {"connect_timeout_s": 2}
    daemon = site.start_daemon(TASKBRIDGE_AMQP_URL=f"{silent(LOCAL).url};{site.amqp_url}")
    publish_and_wait(site, "a")
    assert not daemon.events("broker_lost")


def test_a_name_of_a_list_that_hangs_takes_no_more_than_its_share(site):
    site.config["amqp"] = {"connect_timeout_s": 2}
    site.start_daemon(TASKBRIDGE_AMQP_URL=f"amqp://u:p@slow.test//;{site.amqp_url}",
                      **names_environment({"slow.test": [LOCAL]}, delay_s=60))
    publish_and_wait(site, "a")


def test_when_one_broker_of_a_list_goes_the_next_is_used(site):
    first, second = site.proxy_to(site.amqp_url), site.proxy_to(site.amqp_url)
    site.config["amqp"] = {"url": [first.url(site.amqp_url), second.url(site.amqp_url)]}
    daemon = site.start_daemon(TASKBRIDGE_AMQP_URL=None)
    assert first.connections() == 1 and second.connections() == 0
    first.refuse()
    daemon.wait_until(lambda: second.connections() == 1, 30, "it goes to the other one")
    daemon.wait_for("info  consuming ", count=2)
    publish_and_wait(site, "a")


def test_of_a_list_all_that_failed_are_named_and_no_password(site):
    places = [Proxy(1) for _ in range(2)]
    for place in places:
        place.close()
    urls = [f"amqp://u:S3cret{n}@{LOCAL}:{place.port}//" for n, place in enumerate(places)]
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=";".join(urls))
    daemon.wait_for_event("broker_lost")
    line = next(line for line in daemon.output().splitlines() if "no broker" in line)
    assert all(f"no connection to the broker {LOCAL}:{place.port}" in line for place in places)
    assert "S3cret" not in daemon.output()


@pytest.mark.parametrize("command", ["check", "status", "doctor"])
def test_no_command_shows_a_password_of_a_list(site, command):
    url = f"amqp://u:S3cretA@{LOCAL}:1//;amqp://u:S3cretB@{LOCAL}:2//;{LOCAL}:3"
    for arguments in ([command], [command, "--json"]):
        done = site.cli(*arguments, check=False, TASKBRIDGE_AMQP_URL=url)
        assert "S3cret" not in done.stdout + done.stderr


@pytest.mark.parametrize("url, words", [
    ("amqp://u:S3cretA@h1//;redis://u:S3cretB@h2//", "broker 2 of the list in amqp.url"),
    ("amqp://u:S3cretA@h1//;", "broker 2 of the list in amqp.url"),
    ("amqp://u:S3cretA;x@h1//", "broker 1 of the list in amqp.url"),
    ("amqp://u:S3c@ret/x@h1//", "its host can't be told"),
])
def test_what_can_not_work_is_refused_in_words(site, url, words):
    done = site.cli("check", check=2, TASKBRIDGE_AMQP_URL=url)
    assert words in done.stderr and "S3c" not in done.stdout + done.stderr
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=url)
    assert daemon.wait(10) == 2 and words in daemon.output() and "S3c" not in daemon.output()


class TlsServer:
    """Notes what name its clients ask for, and goes no further."""

    def __init__(self, directory):
        self.names = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, Authority(directory).issue("server", "DNS:broker.test")))
        context.sni_callback = lambda connection, name, _: self.names.append(name)
        self.context = context
        self.listener = socket.create_server((LOCAL, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
                self.context.wrap_socket(connection, server_side=True).close()
            except ssl.SSLError:
                continue
            except OSError:
                return


@pytest.mark.parametrize("host, name", [("broker.test", "broker.test"), (LOCAL, None)])
def test_a_tls_server_is_asked_for_by_its_name_though_an_address_is_connected_to(site, tmp_path, host, name):
    server = TlsServer(tmp_path)
    try:
        site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=f"amqps://u:p@{host}:{server.port}//",
                          **names_environment({"broker.test": [LOCAL]}))
        wait_until(lambda: server.names, 20, "a handshake")
        assert server.names[0] == name
    finally:
        server.listener.close()


def frame_proxy(site):
    proxy = FrameProxy.of(site.amqp_url)
    site.proxies.append(proxy)
    return proxy


def test_the_binding_is_asked_for_once_and_not_at_every_connection(site):
    proxy = frame_proxy(site)
    daemon = site.start_daemon(TASKBRIDGE_AMQP_URL=proxy.url(site.amqp_url))
    for number in range(3):
        proxy.reset()
        daemon.wait_for("info  consuming ", count=number + 2)
    assert proxy.methods[BASIC_CONSUME] == 4 and proxy.methods[QUEUE_BIND] == 1
    publish_and_wait(site, "a")


def test_a_queue_made_anew_is_bound_anew(site):
    proxy = frame_proxy(site)
    daemon = site.start_daemon(TASKBRIDGE_AMQP_URL=proxy.url(site.amqp_url))
    site.broker.delete_queue()
    daemon.wait_for("info  consuming ", count=2)
    assert proxy.methods[QUEUE_BIND] == 2
    publish_and_wait(site, "a")


def test_a_binding_that_is_not_answered_holds_no_consumer(site):
    """As a cluster does one of whose nodes hangs."""
    daemon = site.start_daemon()
    daemon.terminate()
    proxy = frame_proxy(site)
    proxy.swallows.add(QUEUE_BIND)
    daemon = site.start_daemon(TASKBRIDGE_AMQP_URL=proxy.url(site.amqp_url))
    publish_and_wait(site, "a")
    assert not daemon.events("broker_lost") and proxy.methods[QUEUE_BIND] == 1


def test_an_exchange_that_was_deleted_and_made_anew_is_bound_again_under_way(site):
    """It takes the bindings with it, and nobody tells the consumer."""
    daemon = site.start_daemon()
    site.broker.channel().exchange_delete("celeryev")
    site.broker.declare_exchange()

    def arrives():
        site.broker.publish_event("task-started", uuid="a")
        return site.database.row("a")

    wait_until(arrives, 60, "an event")
    assert daemon.output().count("info  consuming ") == 1


def test_a_broker_that_leaves_questions_unanswered_holds_neither_events_nor_the_end(site):
    """The connection for questions hangs while it is set up; the one for events goes on."""
    proxy = frame_proxy(site)
    proxy.swallows.add(CONFIRM_SELECT)
    site.config["amqp"] = {"connect_timeout_s": 20}
    daemon = start_judge(site, TASKBRIDGE_AMQP_URL=proxy.url(site.amqp_url))
    worker = start_worker(site, "frozen", concurrency=1)
    await_workers(worker)
    task = send(site, "frozen", "sleep", 300)
    wait_for(site, {task: "STARTED"})
    freeze(worker)
    daemon.wait_until(lambda: proxy.methods[CONFIRM_SELECT], 60, "workers are to be asked")
    publish_and_wait(site, "meanwhile")
    stops_quickly(daemon)
    assert site.database.row(task)["celery_state"] == "STARTED"
