"""The daemon and RabbitMQ: what it declares, what it is called, what it may be refused, what it is told and outlives."""

import re

import pytest

from harness import EVENTS_QUEUE, wait_until
from harness.tls import Authority, listen_with_tls

GIB = 1 << 30


def is_written(site, task_id):
    return site.database.row(task_id) is not None


def publish_and_wait(site, task_id):
    site.broker.publish_event("task-started", uuid=task_id)
    wait_until(lambda: is_written(site, task_id), 30, f"the row of {task_id}")


def queue_arguments(site, name=EVENTS_QUEUE):
    """As the broker has them."""
    return site.stack.evaluate_json(f"""
        {{ok, Queue}} = rabbit_amqqueue:lookup({site.broker.resource("queue", name)}),
        maps:from_list([{{Key, Value}} || {{Key, _, Value}} <- amqqueue:get_arguments(Queue)]).""")


def url_as(site, user, password="secret"):
    login = site.amqp_url.split("//")[1].split("@")[0]
    return site.amqp_url.replace(login, f"{user}:{password}")


@pytest.fixture
def least(site, stack):
    """The URL of a user that may read celeryev and owns taskbridge.*"""
    name = f"least-{site.name}"
    stack.add_user(name, site.name, r"^taskbridge\..*$", r"^taskbridge\..*$", r"^(taskbridge\..*|celeryev)$")
    yield url_as(site, name)
    stack.delete_user(name)


def test_the_queue_is_durable_replicated_and_bounded(site):
    site.config["amqp"] = {"queue": {"max_bytes": "1GiB"}}
    site.start_daemon()
    wanted = {"x-queue-type": "quorum", "x-max-length-bytes": GIB, "x-overflow": "drop-head"}
    # RabbitMQ 4 drops what was delivered too often, unless it is told not to; 3 does not know the value for that.
    if site.broker.version() >= (4,):
        wanted["x-delivery-limit"] = -1
    assert queue_arguments(site) == wanted
    # A declaration with these arguments and no others is accepted.
    site.broker.channel().queue_declare(EVENTS_QUEUE, durable=True, auto_delete=False, arguments=wanted)


def test_the_exchange_is_made_as_celery_makes_it_where_no_worker_ever_ran(site):
    site.broker.channel().exchange_delete("celeryev")
    site.start_daemon()
    site.broker.declare_exchange()
    publish_and_wait(site, "a")


def test_a_queue_with_other_arguments_is_used_as_it_is_and_explained_once(site):
    site.broker.declare_queue(arguments={"x-queue-type": "quorum", "x-max-length": 1000})
    daemon = site.start_daemon()
    publish_and_wait(site, "a")
    warning = f"queue {EVENTS_QUEUE} exists with other arguments and is used as it is"
    assert daemon.output().count(warning) == 1
    assert "start daemons with another amqp.queue.name beside these" in daemon.output()
    assert queue_arguments(site) == {"x-queue-type": "quorum", "x-max-length": 1000}


def test_the_connection_names_the_daemon(site):
    daemon = site.start_daemon()
    names = [name for name in site.broker.connections() if name.startswith("taskbridged ")]
    assert len(names) == 1
    assert names[0].removeprefix("taskbridged ") not in ("", "taskbridge")
    daemon.terminate()
    assert not [name for name in site.broker.connections() if name.startswith("taskbridged ")]


def test_the_user_of_least_privilege_suffices(site, least):
    daemon = site.start_daemon(TASKBRIDGE_AMQP_URL=least)
    publish_and_wait(site, "a")
    assert "ACCESS_REFUSED" not in daemon.output()


def test_a_user_that_may_not_make_the_exchange_is_told_what_to_do(site, least):
    site.broker.channel().exchange_delete("celeryev")
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=least)
    daemon.wait_for("start a Celery worker with -E once, or give the user the right to configure it")
    site.broker.declare_exchange()
    daemon.wait_until(lambda: site.broker.consumers() == 1, 30, "the daemon consumes")


def test_a_wrong_password_is_explained_and_shown_nowhere(site):
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=url_as(site, "taskbridge", "wr0ng-one"))
    daemon.wait_for("refuses user taskbridge: check user and password in amqp.url")
    assert "wr0ng-one" not in daemon.output()


def test_a_vhost_that_is_not_there_is_named(site):
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=site.amqp_url + "-not")
    daemon.wait_for("to user taskbridge: check the vhost in amqp.url")
    assert f"{site.name}-not" in daemon.output()


def test_nobody_listens(site):
    proxy = site.proxy_to(site.amqp_url)
    url = proxy.url(site.amqp_url)
    proxy.close()
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=url)
    daemon.wait_for(f"no connection to the broker 127.0.0.1:{proxy.port}: check that it runs")


def test_a_deleted_queue_is_made_anew(site):
    daemon = site.start_daemon()
    site.broker.delete_queue()
    daemon.wait_for("the broker cancelled the consumer: the queue was deleted or moved, or deliveries waited for "
                    "longer than its consumer_timeout")
    wait_until(lambda: site.broker.consumers() == 1, 30, "the queue is there again")
    publish_and_wait(site, "a")


def test_a_connection_that_an_operator_closes_is_made_again(site):
    daemon = site.start_daemon()
    site.broker.close_connections("to see what happens")
    daemon.wait_for("to see what happens")
    daemon.wait_until(lambda: site.broker.consumers() == 1, 30, "it consumes again")
    publish_and_wait(site, "a")


def test_an_alarm_of_the_broker_is_not_noticed_by_who_only_consumes(site):
    daemon = site.start_daemon()
    site.stack.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.00001).")
    try:
        wait_until(lambda: site.stack.evaluate_json("rabbit_alarm:get_local_alarms() =/= []."), 20, "the alarm")
        assert daemon.is_running() and site.broker.consumers() == 1
    finally:
        site.stack.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4).")
    wait_until(lambda: site.stack.evaluate_json("rabbit_alarm:get_local_alarms() == []."), 20, "the end of the alarm")
    publish_and_wait(site, "a")


def test_a_body_of_many_frames_arrives_whole(site):
    site.start_daemon()
    traceback = "x" * 1_000_000
    site.broker.publish_event("task-failed", uuid="long", exception="ValueError('x')", traceback=traceback)
    wait_until(lambda: is_written(site, "long"), 30, "the row")
    assert site.database.row("long")["status"] == "failed"
    assert site.database.value("SELECT count(*) FROM dead_letters") == 0


def test_a_dead_letter_keeps_key_headers_and_type(site):
    site.start_daemon()
    site.broker.publish(b"\xff\x00not json", "task.odd", headers={"hostname": "w1", "n": 5, "deep": {"a": [1, None]}},
                        content_type="application/x-odd", content_encoding="binary")
    wait_until(lambda: site.database.value("SELECT count(*) FROM dead_letters") == 1, 30, "the dead letter")
    (letter,) = site.database.query("SELECT * FROM dead_letters")
    assert bytes(letter["body"]) == b"\xff\x00not json"
    assert letter["routing_key"] == "task.odd"
    assert letter["headers"] == {"hostname": "w1", "n": 5, "deep": {"a": [1, None]}}


# ---- TLS ----

def tls_url(site, port, host="127.0.0.1"):
    return re.sub(r"^amqp://([^@]*)@[^/]*/", rf"amqps://\1@{host}:{port}/", site.amqp_url)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls_port(stack, authority):
    """RabbitMQ, known as localhost and 127.0.0.1, taking only clients with a certificate."""
    return listen_with_tls(stack, authority, *authority.issue("server", "DNS:localhost", "IP:127.0.0.1"),
                           ask_clients=True)


@pytest.fixture
def client(site, authority):
    """The site's programs trust the authority and have a certificate of it."""
    certificate, key = authority.issue("client", "DNS:client")
    site.config["amqp"] = {"tls": {"ca_file": str(authority.certificate), "cert_file": str(certificate),
                                   "key_file": str(key)}}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls_with_verification_both_ways(site, client, tls_port, host):
    daemon = site.start_daemon(TASKBRIDGE_AMQP_URL=tls_url(site, tls_port, host))
    publish_and_wait(site, "a")
    assert "TLSv1.3" in daemon.output()


def test_a_backlog_comes_over_tls_too(site, client, tls_port):
    site.broker.declare_queue()
    site.broker.publish_all([site.broker.event("task-started", uuid=f"t{n}") for n in range(5000)])
    site.start_daemon(TASKBRIDGE_AMQP_URL=tls_url(site, tls_port))
    wait_until(lambda: len(site.database.rows()) == 5000, 60, "all rows")


def test_tls_without_the_clients_certificate(site, client, tls_port):
    del site.config["amqp"]["tls"]["cert_file"], site.config["amqp"]["tls"]["key_file"]
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=tls_url(site, tls_port))
    daemon.wait_for("whether it asks for a client certificate")


def test_a_server_of_an_unknown_authority_is_not_trusted(site, tls_port):
    site.config["amqp"] = {}
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=tls_url(site, tls_port))
    daemon.wait_for("failed: self-signed certificate in certificate chain: check amqp.tls.ca_file")


def test_a_server_by_another_name_is_not_trusted(site, stack, authority, client):
    port = listen_with_tls(stack, authority, *authority.issue("elsewhere", "DNS:elsewhere.example"))
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=tls_url(site, port, "localhost"))
    daemon.wait_for("failed: hostname mismatch: check amqp.tls.ca_file, and the host in amqp.url")


def test_tls_to_a_port_without_it(site, client):
    port = int(re.search(r":(\d+)/", site.amqp_url).group(1))
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=tls_url(site, port))
    daemon.wait_for(f"TLS with the broker 127.0.0.1:{port} failed: wrong version number")
