"""Connections to RabbitMQ that break in other ways than by being closed, and a database that hangs meanwhile."""

import time

from harness import EVENTS_QUEUE, wait_until

SILENT = "was silent for two heartbeats"


def started(site, count):
    """So many started events, each of another task."""
    return [site.broker.event("task-started", uuid=f"t{n}") for n in range(count)]


def start_through_proxy(site, heartbeat_s=2):
    site.config["amqp"] = {"heartbeat_s": heartbeat_s, "connect_timeout_s": 2}
    proxy = site.proxy_to(site.amqp_url)
    daemon = site.start_daemon(TASKBRIDGE_AMQP_URL=proxy.url(site.amqp_url))
    return daemon, proxy


def wait_for_rows(site, count, timeout=60):
    wait_until(lambda: len(site.database.rows()) == count, timeout, f"{count} rows")


def has_lost_nothing(site, count):
    wait_for_rows(site, count)
    wait_until(lambda: site.broker.unsettled() == 0, 30, "all deliveries are acknowledged")
    return True


def test_a_half_open_connection_is_noticed_by_the_heartbeat(site):
    daemon, proxy = start_through_proxy(site)
    proxy.half_open()
    daemon.wait_for(SILENT, 15)
    proxy.restore()
    site.broker.publish_all(started(site, 10))
    assert has_lost_nothing(site, 10)


def test_a_network_that_drops_everything_is_noticed_and_outlived(site):
    daemon, proxy = start_through_proxy(site)
    proxy.stall()
    site.broker.publish_all(started(site, 10))
    daemon.wait_for(SILENT, 15)
    daemon.wait_for("did not answer within 2000 ms", 15)
    proxy.restore()
    assert has_lost_nothing(site, 10)


def test_deliveries_may_come_a_byte_at_a_time(site):
    daemon, proxy = start_through_proxy(site, heartbeat_s=30)
    proxy.trickle()
    site.broker.publish_all(started(site, 20))
    assert has_lost_nothing(site, 20)
    assert not daemon.events("broker_lost")


def test_a_connection_that_is_reset_under_load_loses_nothing(site):
    daemon, proxy = start_through_proxy(site)
    for round_number in range(1, 4):
        site.broker.publish_all(started(site, 3000))
        wait_until(lambda: proxy.connections() == 1, 20, "there is a connection to be reset")
        proxy.reset()
        daemon.wait_for_event("broker_lost", count=round_number)
    assert has_lost_nothing(site, 3000)


def test_deliveries_that_wait_too_long_for_rabbitmq_come_again(site):
    """RabbitMQ closes a channel whose deliveries wait too long, from 4.3 on it cancels the consumer: here after 2 s, by
    default after 30 minutes."""
    stack = site.stack
    stack.evaluate("application:set_env(rabbit, consumer_timeout, 2000).")
    stack.evaluate("application:set_env(rabbit, channel_tick_interval, 500).")
    database = site.proxy_to(site.database_url)
    try:
        daemon = site.start_daemon(TASKBRIDGE_DATABASE_URL=database.url(site.database_url))
        wait_for_rows(site, 0)
        daemon.wait_for_event("database_connected")
        database.stall()
        site.broker.publish_all(started(site, 100))
        daemon.wait_until(lambda: any(text in daemon.output() for text in (
            "acknowledgement on channel", "waited for longer than its consumer_timeout")), 40, "it is taken back")
    finally:
        stack.evaluate("application:set_env(rabbit, consumer_timeout, 1800000).")
        stack.evaluate("application:set_env(rabbit, channel_tick_interval, 60000).")
    database.restore()
    assert has_lost_nothing(site, 100)


def test_a_database_that_hangs_costs_no_connection_to_rabbitmq(site):
    """RabbitMQ cuts a consumer that takes nothing for 30 seconds, and one that sends no heartbeats; here neither may
    happen, though more waits than the kernel buffers (and less than TB_HOLD_MAX_BYTES)."""
    site.config["amqp"] = {"heartbeat_s": 4}
    database = site.proxy_to(site.database_url)
    daemon = site.start_daemon(TASKBRIDGE_DATABASE_URL=database.url(site.database_url))
    daemon.wait_for_event("database_connected")
    database.stall()
    events = started(site, 4000)
    for event in events:
        event["padding"] = "x" * 1500
    site.broker.publish_all(events)
    end = time.monotonic() + 40
    daemon.wait_until(lambda: time.monotonic() > end, 60, "40 seconds")
    assert not daemon.events("broker_lost")
    database.restore()
    assert has_lost_nothing(site, 4000)
    assert not daemon.events("broker_lost")


# What a crash of RabbitMQ leaves where it had not yet written down a queue that was just made: an entry without data.
DAMAGE_QUEUE = """
{{ok, Queue}} = rabbit_amqqueue:lookup({resource}),
ra:force_delete_server(quorum_queues, amqqueue:get_pid(Queue))."""


def test_a_damaged_queue_is_explained_and_one_that_was_deleted_is_made_anew(site):
    daemon, proxy = start_through_proxy(site)
    site.stack.evaluate(DAMAGE_QUEUE.format(resource=site.broker.resource("queue", EVENTS_QUEUE)))
    proxy.cut()
    daemon.wait_for(f"the broker can't serve queue {EVENTS_QUEUE}, its log says why; if it can't be repaired, delete the"
                    " queue, and it is made anew", 40)
    site.stack.rabbitmqctl("delete_queue", "--vhost", site.broker.vhost, EVENTS_QUEUE)
    daemon.wait_until(lambda: site.broker.consumers() == 1, 60, "the daemon consumes again")
    site.broker.publish_all(started(site, 3))
    assert has_lost_nothing(site, 3)
