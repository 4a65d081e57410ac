"""Beyond one machine: nodes of the broker's cluster are killed one after another, and the database's primary for good.
Nothing that was confirmed to its publisher may be missing."""

import itertools
import json
import signal
import time

import amqp
import pytest
from amqp.exceptions import MessageNacked

from harness import wait_until
from harness.frames import QUEUE_BIND, FrameProxy
from harness.standby import Standby
from test_dead_letters import started
from test_replication import set_on_server

TASKS = 600
# How long a node that hangs is waited for by the others (brokers.py).
HANGING_TICK_S = 60


@pytest.fixture(autouse=True)
def without_maintenance(site):
    """These tasks lived in another year, and their worker beats no heart."""
    site.config["maintenance"] = {"enabled": False}


class Publisher:
    """Sends events to whichever node takes them; each is sent until it is confirmed."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.nodes = itertools.cycle(cluster.nodes)
        self.channel = None

    def connect(self):
        node = next(self.nodes)
        connection = amqp.Connection(host=f"127.0.0.1:{node.port}", userid="taskbridge", password=self.cluster.secret,
                                     connect_timeout=3, read_timeout=5, write_timeout=5, confirm_publish=True)
        connection.connect()
        self.channel = connection.channel()
        self.channel.exchange_declare("celeryev", "topic", durable=True, auto_delete=False)

    def publish(self, body):
        def sent():
            try:
                if self.channel is None:
                    self.connect()
                message = amqp.Message(body, content_type="application/json", content_encoding="utf-8", delivery_mode=2)
                self.channel.basic_publish(message, exchange="celeryev", routing_key="task.started", timeout=5)
                return True
            except (OSError, amqp.AMQPError, MessageNacked):
                self.channel = None
                return False

        wait_until(sent, 120, "a node takes the event")


def ids(site):
    return {row["task_id"] for row in site.database.query("SELECT task_id FROM background_task_trackers")}


def start_daemons(site, url, count=2):
    daemons = [site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=url, TASKBRIDGE_DAEMON_INSTANCE=f"d{number}")
               for number in range(count)]
    for daemon in daemons:
        daemon.wait_for("consuming", 60)
    return daemons


def test_killed_nodes_cost_no_event(site, cluster):
    start_daemons(site, cluster.url())
    publisher = Publisher(cluster)
    for number in range(TASKS):
        publisher.publish(started(uuid=f"t{number}"))
        if number % 100 == 50:
            victim = cluster.nodes[number // 100 % len(cluster.nodes)]
            victim.kill()
        if number % 100 == 90:
            victim.start()
            wait_until(victim.is_up, 180, f"{victim.name} is back")
    expected = {f"t{number}" for number in range(TASKS)}
    wait_until(lambda: ids(site) == expected, 180, "every confirmed event is a row")


def leader(cluster, queue):
    """The node that leads it."""
    (name,) = [row["leader"] for row in json.loads(cluster.nodes[0].ctl("list_queues", "name", "leader"))
               if row["name"] == queue]
    return next(node for node in cluster.nodes if node.name == name)


def test_a_node_that_hangs_holds_no_consumer_of_another(site, cluster):
    """What changes the cluster, as a binding does, waits on every node until the one that hangs counts as gone."""
    start_daemons(site, cluster.url(), 1)[0].terminate()
    leading = leader(cluster, "taskbridge.events")
    hanging = next(node for node in cluster.nodes if node is not leading)
    proxy = FrameProxy(leading.port)
    site.proxies.append(proxy)
    url = cluster.url(leading).replace(f":{leading.port}/", f":{proxy.port}/")
    (daemon,) = start_daemons(site, url, 1)
    hanging.signal_all(signal.SIGSTOP)
    try:
        began = time.monotonic()
        proxy.reset()
        daemon.wait_for("consuming", count=2)
        # Another one, who does not know of the binding, does not wait for its answer.
        (other,) = [site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=url, TASKBRIDGE_DAEMON_INSTANCE="other")]
        other.wait_for("consuming")
        assert time.monotonic() - began < HANGING_TICK_S / 2
        assert proxy.methods[QUEUE_BIND] == 2
        assert "no broker" not in other.output()
    finally:
        hanging.signal_all(signal.SIGCONT)
        wait_until(hanging.is_up, 180, f"{hanging.name} is back")
    Publisher(cluster).publish(started(uuid="after it hung"))
    wait_until(lambda: "after it hung" in ids(site), 60, "its events are written")


def test_a_queue_without_its_majority_is_named(site, cluster):
    start_daemons(site, cluster.url(), 1)
    first, *others = cluster.nodes
    for node in others:
        node.kill()
    try:
        variables = {"TASKBRIDGE_AMQP_URL": cluster.url(first)}
        wait_until(lambda: "does not answer" in site.cli("status", check=False, **variables).stdout, 120,
                   "status says so")
        lines = json.loads(site.cli("doctor", "--json", check=1, **variables).stdout)
        line = next(line for line in lines if line["check"] == "queue")
        assert line["verdict"] == "bad" and "most of the broker's nodes that hold it are away" in line["found"]
        assert "cluster_status" in line["remedy"]
        assert not any("Start taskbridged" in (line["remedy"] or "") for line in lines)
    finally:
        for node in others:
            node.start()
        for node in others:
            wait_until(node.is_up, 180, f"{node.name} is back")
    Publisher(cluster).publish(started(uuid="after"))
    wait_until(lambda: "after" in ids(site), 120, "the daemon goes on")


def test_a_promoted_standby_has_all_that_was_acknowledged(site, admin, stack, cluster):
    standby = Standby(stack, "s1")
    publisher = Publisher(cluster)
    try:
        set_on_server(admin, "synchronous_standby_names", "s1")
        hosts = site.database_url.replace("@127.0.0.1:", f"@127.0.0.1:{standby.port},127.0.0.1:")
        site.config["database"] = {"url": f"{hosts}?target_session_attrs=read-write", "response_timeout_s": 5}
        (daemon,) = [site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=cluster.url(), TASKBRIDGE_DATABASE_URL=None)]
        daemon.wait_for("consuming", 60)
        for number in range(200):
            publisher.publish(started(uuid=f"before{number}"))
        stack.kill("postgresql")
        for number in range(100):
            publisher.publish(started(uuid=f"while{number}"))
        began = time.monotonic()
        standby.promote()
        site.database.connection = None
        site.database.url = standby.url(site.database.url)
        expected = {f"before{number}" for number in range(200)} | {f"while{number}" for number in range(100)}
        wait_until(lambda: expected <= ids(site), 60, "all of it is on the promoted one")
        assert time.monotonic() - began < 30
        daemon.terminate()
    finally:
        standby.close()
        stack.start("postgresql")
        site.database.connection = None
        site.database.url = site.database_url
        wait_until(lambda: admin.value("SELECT 1"), 60, "the primary is back")
        set_on_server(admin, "synchronous_standby_names", "")
