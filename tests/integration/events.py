"""What the tests of the daemon publish, and how they wait for it."""

import datetime
import json
import math

from harness import wait_until
from harness.broker import Confirms
from harness.stack import ROOT

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
CAPTURES = ROOT / "tests" / "fixtures" / "events"


def at(stamp):
    """An event's timestamp as a row has it, in whole microseconds."""
    return None if stamp is None else EPOCH + datetime.timedelta(microseconds=math.floor(stamp * 1e6 + 0.5))


def lines_of(capture):
    """The deliveries of a capture, each a dict."""
    return [json.loads(line) for line in (CAPTURES / capture).read_text(encoding="utf-8").splitlines()]


def publish_lines(site, lines):
    """Each as it was captured, in this order, and confirmed on return."""
    channel = site.broker.channel()
    confirmed = Confirms(channel)
    for line in lines:
        options = {name: value for name, value in line.items() if name not in ("body", "routing_key")}
        exchange, message = site.broker.message(line["body"], **options)
        channel.basic_publish(message, exchange=exchange, routing_key=line["routing_key"])
    confirmed.wait(len(lines), 60)


def wait_until_settled(site, timeout=60):
    """Until everything that was published is acknowledged, and so committed."""
    wait_until(lambda: site.broker.unsettled() == 0, timeout, "every delivery is acknowledged")


def letters(site):
    """The dead letters, in the order in which they were written, with their bodies as bytes."""
    rows = site.database.query("SELECT * FROM dead_letters ORDER BY id")
    return [{**row, "body": bytes(row["body"])} for row in rows]


def counters(site):
    """What all daemons have counted, together."""
    (row,) = site.database.query(
        "SELECT sum(batches)::int8 AS batches, sum(deliveries)::int8 AS deliveries, sum(redelivered)::int8 AS redelivered, "
        "sum(events)::int8 AS events, sum(task_events)::int8 AS task_events, sum(worker_events)::int8 AS worker_events, "
        "sum(unknown_events)::int8 AS unknown_events, sum(dead)::int8 AS dead, sum(bytes)::int8 AS bytes "
        "FROM bridge_instances")
    return row
