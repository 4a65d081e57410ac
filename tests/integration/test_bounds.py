"""Memory has a ceiling whatever comes, and what does not fit below it blocks nothing else."""

import json

import psycopg2

from harness.database import TRACKERS

MIB = 1 << 20


def peak_mib(process):
    """The most memory that the process ever had."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        (line,) = [line for line in status if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def test_hundreds_of_large_deliveries_land_in_little_memory(site):
    site.broker.declare_queue()
    traceback = "x" * MIB
    site.broker.publish_all(
        json.dumps(site.broker.event("task-failed", uuid=f"large-{number}", exception="OSError('no')",
                                     traceback=traceback)) for number in range(300))
    daemon = site.start_daemon()
    daemon.wait_until(lambda: site.database.value(f"SELECT count(*) FROM {TRACKERS} WHERE status = 'failed'") == 300, 90,
                      "300 large events land")
    assert peak_mib(daemon) < 96


def test_a_list_of_millions_blocks_nothing(site):
    body = b"[" + b"1," * (8 * MIB - 8) + b"1]"
    daemon = site.start_daemon(TASKBRIDGE_MAINTENANCE_DEAD_LETTERS_MAX_ROWS=100000)
    site.broker.publish(body)
    site.broker.publish_event("task-succeeded", uuid="behind", result="1", runtime=1.0)
    daemon.wait_until(lambda: site.database.row("behind"), 60, "the event behind it lands")
    assert site.database.value("SELECT count(*) FROM dead_letters WHERE body = '1'") == 65536
    (rest,) = site.database.query("SELECT reason, body FROM dead_letters WHERE body <> '1'")
    assert rest["reason"] == "the list has more than 65536 elements; these follow them"
    assert bytes(rest["body"]) == body[1 + 2 * 65536:]
    assert peak_mib(daemon) < 256


def test_a_queue_that_fills_up_is_told_of_and_so_is_its_end(site):
    site.config["amqp"] = {"prefetch": 10, "queue": {"max_bytes": "1MiB"}}
    daemon = site.start_daemon()
    daemon.wait_for_event("database_connected")
    locker = psycopg2.connect(site.database_url)
    try:
        locker.cursor().execute(f"LOCK TABLE {TRACKERS}")
        site.broker.publish_all(json.dumps(site.broker.event("task-started", uuid=f"t{number}", padding="x" * 2048))
                                for number in range(330))
        daemon.wait_for_event("queue_half_full")
        site.broker.publish_all(json.dumps(site.broker.event("task-started", uuid=f"u{number}", padding="x" * 2048))
                                for number in range(200))
        daemon.wait_for_event("queue_nearly_full")
    finally:
        locker.close()
    daemon.wait_for_event("queue_fine")
    assert len(daemon.events("queue_half_full")) == 1
