"""What is allowed and still hard: strange headers, ids and names, very large lists, and culprits in odd places."""

import datetime
import decimal
import hashlib
import json
import time
import zlib

from events import counters, letters, wait_until_settled
from harness import wait_until

import pytest

pytestmark = pytest.mark.sanitized

FFFD = "\ufffd"


@pytest.fixture(autouse=True)
def without_maintenance(site):
    """The workers here beat no heart, and their tasks would be called lost."""
    site.config["maintenance"] = {"enabled": False}


def started(site, task_id, **fields):
    return site.broker.event("task-started", uuid=task_id, **fields)


def test_headers_and_keys_of_any_kind_do_not_keep_a_letter_out(site):
    """Each of these is a header of its own message, whose body is no JSON. Infinity and NaN RabbitMQ itself refuses."""
    site.start_daemon()
    values = {"text": "ñ", "nul": "a\0b", "long": "x" * 70_000, "integer": 2**62, "negative": -5, "fraction": 0.25,
              "none": None, "yes": True,
              "time": datetime.datetime(2026, 11, 24, 22, 1, 15), "money": decimal.Decimal("12.34"),
              "list": [1, "two", [3.5, None]], "table": {"a": {"b": {"c": "\0"}}}, "bytes": b"\xff\x00\xfe",
              "deep": {"a": 1}}
    for _ in range(60):
        values["deep"] = {"a": values["deep"]}
    for name, value in values.items():
        site.broker.publish(name.encode(), "k" * 255, headers={name: value})
    site.broker.publish(b"odd properties", "\0ñ", content_type="a\0b", content_encoding="\xff" * 50)
    site.broker.publish(started(site, "good"))
    wait_until_settled(site)
    assert set(site.database.rows()) == {"good"}
    found = {letter["body"].decode(): letter for letter in letters(site)}
    # Of what is in no known encoding the body is not kept: nobody can see whether a secret is in it.
    assert set(found) == set(values) | {""}
    assert found["text"]["headers"] == {"text": "ñ"}
    assert found["integer"]["headers"] == {"integer": 2**62}
    assert found["list"]["headers"] == {"list": [1, "two", [3.5, None]]}
    assert found["yes"]["headers"] == {"yes": True}
    assert found["none"]["headers"] == {"none": None}
    assert found["text"]["routing_key"] == "k" * 255
    assert FFFD in found[""]["routing_key"]


def test_task_ids_may_be_any_text_of_255_characters(site):
    site.start_daemon()
    ids = {"a b/c?d=e&f#g%20": "a b/c?d=e&f#g%20", "'; DROP TABLE companies; --": "'; DROP TABLE companies; --",
           "\U0001f389" * 255: "\U0001f389" * 255, "nul\0": "nul" + FFFD, "half \ud800": "half " + FFFD,
           " blank ": " blank ", "{}": "{}", "NULL": "NULL", '{"a",b}': '{"a",b}', "\\": "\\", "\r\n\t": "\r\n\t",
           "\u202eright to left": "\u202eright to left"}
    site.broker.publish([started(site, task_id) for task_id in ids])
    wait_until_settled(site)
    assert set(site.database.rows()) == set(ids.values())
    assert letters(site) == []


def test_fields_of_the_wrong_type_count_as_absent(site):
    site.start_daemon()
    wrong = [None, True, 5, -1.5, "text", [], {}, [{"a": 1}], 10**40, float("nan")]
    names = ["hostname", "pid", "clock", "utcoffset", "name", "args", "kwargs", "root_id", "parent_id", "retries", "eta",
             "expires", "queue", "result", "runtime", "exception", "traceback", "requeue", "terminated", "signum",
             "expired", "progress", "percent", "current", "total", "message", "status", "step", "description",
             "metadata", "meta", "company_id"]
    kinds = ["sent", "received", "started", "progress", "succeeded", "failed", "retried", "rejected", "revoked",
             "cancelled", "tracked"]
    events = [{**started(site, f"{kind} {number}"), "type": f"task-{kind}", **dict.fromkeys(names, value)}
              for kind in kinds for number, value in enumerate(wrong)]
    site.broker.publish_all([events[start:start + 24] for start in range(0, len(events), 24)])
    workers = [{"type": f"worker-{kind}", "hostname": f"{kind} {number}", "timestamp": time.time(),
                **dict.fromkeys(["freq", "active", "processed", "loadavg", "sw_ident", "sw_ver", "sw_sys", "pid"], value)}
               for kind in ("online", "heartbeat", "offline") for number, value in enumerate(wrong)]
    site.broker.publish(workers)
    wait_until_settled(site)
    assert set(site.database.rows()) == {event["uuid"] for event in events}
    hosts = {row["hostname"] for row in site.database.query("SELECT hostname FROM celery_workers WHERE seen_at IS NOT NULL")}
    assert hosts == {worker["hostname"] for worker in workers}
    assert letters(site) == []
    assert counters(site)["events"] == len(events) + len(workers)


def test_a_list_of_60000_events_in_one_message_is_one_transaction(site):
    site.start_daemon()
    event = started(site, "?")
    body = "[" + ",".join(json.dumps({**event, "uuid": f"t{number}"}) for number in range(60_000)) + "]"
    assert 8 << 20 < len(body) < 16 << 20
    site.broker.publish(body)
    wait_until_settled(site)
    assert site.database.value("SELECT count(*) FROM background_task_trackers WHERE celery_state = 'STARTED'") == 60_000
    assert site.database.value("SELECT count(DISTINCT xmin::text) FROM background_task_trackers") == 1
    found = counters(site)
    assert (found["deliveries"], found["task_events"], found["batches"]) == (1, 60_000, 1)


REFUSE_WORKER = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.hostname = 'culprit' THEN RAISE EXCEPTION 'no such host' USING ERRCODE = '22000'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON celery_workers FOR EACH ROW EXECUTE FUNCTION refuse()"""


def test_a_worker_that_the_database_refuses_costs_no_task_its_row(site):
    site.database.execute(REFUSE_WORKER)
    site.start_daemon()
    beats = [site.broker.event("worker-heartbeat", hostname=name) for name in ("w1", "culprit", "w2")]
    site.broker.publish_all([started(site, "t1", hostname="w1"), *beats, started(site, "t2", hostname="w2")])
    wait_until_settled(site)
    assert set(site.database.rows()) == {"t1", "t2"}
    assert {row["hostname"] for row in site.database.query("SELECT hostname FROM celery_workers")} == {"w1", "w2"}
    assert [json.loads(letter["body"]) for letter in letters(site)] == [beats[1]]


def test_a_culprit_in_a_compressed_list_dies_alone(site):
    site.database.execute("ALTER TABLE background_task_trackers ADD CHECK (task_id <> 'culprit')")
    site.start_daemon()
    events = [started(site, f"t{number}") for number in range(9)]
    events.insert(4, started(site, "culprit"))
    site.broker.publish(zlib.compress(json.dumps(events).encode()), headers={"compression": "application/x-gzip"})
    wait_until_settled(site)
    assert set(site.database.rows()) == {f"t{number}" for number in range(9)}
    (letter,) = letters(site)
    assert json.loads(letter["body"]) == events[4]


def test_a_dead_letter_that_was_set_aside_by_the_database_lands_when_it_is_sent_again(site):
    site.database.execute("ALTER TABLE background_task_trackers ADD CONSTRAINT odd CHECK (task_id <> 'culprit')")
    site.start_daemon()
    site.broker.publish([started(site, "good"), started(site, "culprit")])
    wait_until_settled(site)
    assert set(site.database.rows()) == {"good"}
    site.database.execute("ALTER TABLE background_task_trackers DROP CONSTRAINT odd")
    site.cli("dead", "retry", letters(site)[0]["id"])
    wait_until(lambda: set(site.database.rows()) == {"good", "culprit"}, 20, "it lands")


@pytest.mark.parametrize("element", [b"1", b"{}", b'{"type":"odd"}'])
def test_a_list_longer_than_any_worker_sends_blocks_nothing(site, element):
    """65,536 elements are looked at one by one, what follows them is one dead letter; every byte is somewhere."""
    site.start_daemon()
    count = 1_000_000
    site.broker.publish(b"[" + b",".join([element] * count) + b"]")
    site.broker.publish(started(site, "good"))
    wait_until_settled(site)
    assert set(site.database.rows()) == {"good"}
    (rest,) = site.database.query("SELECT body, reason FROM dead_letters WHERE length(body) > 100")
    assert "more than 65536 elements" in rest["reason"]
    assert bytes(rest["body"]).count(element) == count - 65536
    is_unknown = b"type" in element
    found = counters(site)
    assert (found["unknown_events"], found["dead"]) == ((65536, 1) if is_unknown else (0, 65537))


def test_a_body_as_large_as_rabbitmq_takes_is_a_dead_letter_and_blocks_nothing(site):
    site.start_daemon()
    site.broker.publish(b"x" * (127 << 20))
    site.broker.publish(started(site, "good"))
    wait_until_settled(site)
    assert set(site.database.rows()) == {"good"}
    (letter,) = site.database.query("SELECT length(body) AS length, encode(sha256(body), 'hex') AS sha, reason "
                                    "FROM dead_letters")
    assert (letter["length"], letter["sha"]) == (127 << 20, hashlib.sha256(b"x" * (127 << 20)).hexdigest())
    assert "has 133169152 bytes" in letter["reason"]
