"""A bad message never costs a good one: each good event lands, each bad one is a dead letter, byte for byte."""

import bz2
import json
import pickle
import zlib

import psycopg2
import pytest

from events import counters, letters, wait_until_settled
from harness import wait_until
from harness.database import with_database

pytestmark = pytest.mark.sanitized

MIB = 1 << 20
GZIP, BZ2 = "application/x-gzip", "application/x-bz2"


@pytest.fixture(autouse=True)
def without_maintenance(site):
    """These tasks lived in another year, and their worker beats no heart: they would be called lost and deleted."""
    site.config["maintenance"] = {"enabled": False}


def started(**fields):
    """An event as JSON, without what a worker's library adds."""
    return json.dumps({"type": "task-started", "uuid": "bad", "hostname": "w1", "timestamp": 1795557600.5, **fields})


def without(name):
    event = json.loads(started())
    del event[name]
    return json.dumps(event)


def stamped(text):
    """The same with a timestamp that is this text."""
    return started(timestamp="STAMP").replace('"STAMP"', text)


def flipped(data):
    """One bit of it in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1:]


LIST = "[" + ", ".join(started(uuid=f"compressed {n}", text="x" * n) for n in range(24)) + "]"

# What the message says of itself, its body, and what the reason must say.
BAD = [
    ({"content_type": "application/x-python-serialize", "content_encoding": "binary"}, pickle.dumps({"a": 1}), "pickle"),
    ({"content_type": "application/x-yaml"}, "type: task-started\nuuid: bad\n", "YAML"),
    ({"content_type": "application/x-msgpack", "content_encoding": "binary"}, b"\x82\xa4type\xactask-started", "msgpack"),
    ({"content_type": "text/html"}, "<html>", "text/html"),
    ({"content_encoding": "utf-16"}, started().encode("utf-16"), "encoding is utf-16"),
    ({}, "", "empty"),
    ({}, " \r\n\t", "empty"),
    ({}, started()[:-20], "damaged"),
    ({}, "{", "damaged"),
    ({}, started() + "}", "follows the end"),
    ({}, started(hostname="?").encode().replace(b"?", b"\xff\xfe"), "invalid UTF-8"),
    ({}, started(hostname="?").encode().replace(b"?", b"\xed\xa0\x80"), "invalid UTF-8"),
    ({}, started(x=0).replace("0}", "[" * 600 + "]" * 600 + "}"), "nesting"),
    ({}, started(x=0).replace("0}", '{"a":' * 200_000 + "1" + "}" * 200_000 + "}"), "nesting"),
    ({}, started(traceback="x" * 17 * MIB), "at most 16777216"),
    ({"compression": GZIP}, flipped(zlib.compress(LIST.encode())), "gzip"),
    ({"compression": GZIP}, zlib.compress(LIST.encode())[:-6], "gzip data is damaged or cut"),
    ({"compression": GZIP}, zlib.compress(LIST.encode()) + b"more", "4 bytes follow"),
    ({"compression": GZIP}, zlib.compress(b" " * 20 * MIB), "decompressed"),
    ({"compression": GZIP}, zlib.compress(b'{"type": 1}'), "type is not text"),
    ({"compression": BZ2}, flipped(bz2.compress(LIST.encode())), "bzip2"),
    ({"compression": BZ2}, bz2.compress(LIST.encode())[:-10], "bzip2"),
    ({"compression": "application/x-brotli"}, b"\x0b\x02\x80", "x-brotli"),
    ({}, without("timestamp"), "timestamp is missing"),
    ({}, stamped("null"), "timestamp is missing"),
    ({}, stamped('"1795557600.5"'), "timestamp is not a number"),
    ({}, stamped("NaN"), "timestamp NaN"),
    ({}, stamped("Infinity"), "timestamp Infinity"),
    ({}, stamped("1e400"), "timestamp 1e400"),
    ({}, stamped("0"), "between 2000 and 2200"),
    ({}, stamped("-1795557600"), "between 2000 and 2200"),
    ({}, stamped("946684799.9"), "between 2000 and 2200"),
    ({}, stamped("1795557600500"), "between 2000 and 2200"),
    ({}, stamped("1" + "0" * 1000), "between 2000 and 2200"),
    ({}, without("uuid"), "uuid is missing"),
    ({}, started(uuid=None), "uuid is missing"),
    ({}, started(uuid=17), "uuid is not text"),
    ({}, started(uuid=""), "uuid is empty"),
    ({}, started(uuid="ñ" * 256), "longer than 255"),
    ({}, without("type"), "type is missing"),
    ({}, started(type=None), "type is missing"),
    ({}, started(type=["task-started"]), "type is not text"),
    ({}, started(type=""), "type is empty"),
    ({}, '{"type": "worker-heartbeat", "timestamp": 1795557600.5}', "hostname is missing"),
    ({}, "17", "number"),
    ({}, "null", "null"),
    ({}, "true", "boolean"),
    ({}, '"task-started"', "text"),
    ({}, "not json at all", "damaged"),
]


def test_each_good_event_lands_beside_bad_ones_of_every_kind(site):
    site.start_daemon()
    for number, (options, body, _) in enumerate(BAD):
        options = dict(options)
        headers = {"hostname": "w1@bad", "number": number}
        if "compression" in options:
            headers["compression"] = options.pop("compression")
        site.broker.publish(body, f"task.bad.{number}", headers=headers, **options)
        site.broker.publish_event("task-started", uuid=f"good {number}")
    wait_until_settled(site)
    assert set(site.database.rows()) == {f"good {number}" for number in range(len(BAD))} | {"bad"}
    found = {letter["headers"]["number"]: letter for letter in letters(site)}
    assert len(found) == len(letters(site)) == len(BAD)
    for number, (options, body, reason) in enumerate(BAD):
        letter = found[number]
        whole = body if isinstance(body, bytes) else body.encode()
        # Of a body with a good event in it, what follows is the letter. Where nobody can see whether a secret is in it,
        # nothing of it is kept: in an unknown encoding, or behind a compression that can't be undone.
        whole = b"}" if reason == "follows the end" else whole
        is_seen = not {"compression", "content_encoding"} & set(options)
        assert letter["body"] == (b"" if letter["masked"] else whole), reason
        assert not (letter["masked"] and is_seen), reason
        assert reason in letter["reason"], f"{reason}: {letter['reason']}"
        assert letter["routing_key"] == f"task.bad.{number}"
        assert letter["content_type"] == options.get("content_type", "application/json")
        assert letter["content_encoding"] == options.get("content_encoding", "utf-8")
        assert letter["headers"].get("compression") == options.get("compression")


# Elements that are set aside alone.
ELEMENTS = [without("uuid"), stamped("-1"), "null", "[]", "17.5e3", '"text"', started(type=1),
            started(hostname="?").replace("?", "\udcff"), started(hostname="?").replace("?", "\\x"),
            '{"type": "task-started", "uuid": bad, "timestamp": 1795557600.5}']


@pytest.mark.parametrize("place", [0, 11, 23])
def test_a_bad_element_in_a_list_of_24_is_set_aside_alone(site, place):
    site.start_daemon()
    expected = set()
    for number, element in enumerate(ELEMENTS):
        ids = [f"{number}-{n}" for n in range(23)]
        elements = [started(uuid=task_id) for task_id in ids]
        elements.insert(place, element)
        site.broker.publish(("[" + ", ".join(elements) + "]").encode("utf-8", "surrogateescape"))
        expected |= set(ids)
    wait_until_settled(site)
    assert set(site.database.rows()) == expected
    assert [letter["body"] for letter in letters(site)] == [
        element.encode("utf-8", "surrogateescape") for element in ELEMENTS]
    found = counters(site)
    assert (found["deliveries"], found["task_events"], found["dead"]) == (10, 230, 10)


def test_a_list_that_breaks_off_loses_only_its_last_element(site):
    site.start_daemon()
    whole = [started(uuid=f"t{n}") for n in range(24)]
    site.broker.publish("[" + ", ".join(whole)[:-10])
    wait_until_settled(site)
    assert set(site.database.rows()) == {f"t{n}" for n in range(23)}
    assert [letter["body"] for letter in letters(site)] == [whole[23][:-10].encode()]


@pytest.mark.parametrize("compression, compress", [(GZIP, zlib.compress), (BZ2, bz2.compress)])
def test_compressed_lists_are_read(site, compression, compress):
    site.start_daemon()
    body = LIST[:-1] + ", " + without("uuid") + "]"
    site.broker.publish(compress(body.encode()), headers={"compression": compression}, content_encoding="binary")
    wait_until_settled(site)
    assert set(site.database.rows()) == {f"compressed {n}" for n in range(24)}
    (letter,) = letters(site)
    assert letter["body"] == without("uuid").encode()


def test_a_traceback_of_ten_mebibytes_is_no_reason_to_lose_its_event(site):
    site.start_daemon()
    traceback = "Traceback\n" + "x" * (10 * MIB) + "ñ\nValueError: the end"
    site.broker.publish_event("task-failed", uuid="long", exception="ValueError('the end')", traceback=traceback)
    site.broker.publish_event("task-started", uuid="next")
    wait_until_settled(site)
    rows = site.database.rows()
    assert set(rows) == {"long", "next"} and letters(site) == []
    assert (rows["long"]["celery_state"], rows["long"]["error_message"]) == ("FAILURE", "ValueError('the end')")
    # Its end says most.
    assert rows["long"]["traceback"].endswith("ñ\nValueError: the end")
    assert len(rows["long"]["traceback"].encode()) <= 64 << 10


def test_unknown_events_are_counted_by_name_and_are_no_dead_letters(site):
    site.start_daemon()
    for kind in ["task-custom", "task-custom", "worker-dance", "bingo", "task_started"]:
        site.broker.publish_event(kind, uuid="x")
    wait_until_settled(site)
    found = {row["type"]: row["count"] for row in site.database.query("SELECT type, count FROM event_types")}
    assert found == {"task-custom": 2, "worker-dance": 1, "bingo": 1, "task_started": 1}
    assert letters(site) == [] and site.database.rows() == {}


def test_the_names_of_unknown_events_are_bounded(site):
    site.start_daemon()
    for start in range(0, 3000, 1000):
        site.broker.publish_all([site.broker.event(f"odd-{number}") for number in range(start, start + 1000)])
        wait_until_settled(site)
    assert counters(site)["unknown_events"] == 3000
    assert site.database.value("SELECT sum(count)::int8 FROM event_types") == 3000
    # 512, and at most what two batches bring at once.
    assert site.database.value("SELECT count(*) FROM event_types") <= 512 + 2 * 65


# ---- what PostgreSQL refuses ----

RAISE = """
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.task_id LIKE 'culprit%' THEN RAISE EXCEPTION 'not % of all tasks', NEW.task_id USING ERRCODE = '{code}'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON background_task_trackers FOR EACH ROW EXECUTE FUNCTION refuse()"""

REFUSALS = {
    "22000": RAISE.format(code="22000"),
    "22P05": RAISE.format(code="22P05"),
    "23505": RAISE.format(code="23505"),
    "23514": "ALTER TABLE background_task_trackers ADD CHECK (task_id NOT LIKE 'culprit%')",
}


@pytest.mark.parametrize("code", REFUSALS)
def test_data_that_the_database_refuses_is_found_in_its_list_and_dies_alone(site, code):
    site.database.execute(REFUSALS[code])
    site.start_daemon()
    elements = [started(uuid=f"t{n}") for n in range(23)]
    elements.insert(13, started(uuid="culprit"))
    site.broker.publish("[" + ", ".join(elements) + "]", headers={"hostname": "w1"})
    wait_until_settled(site)
    assert set(site.database.rows()) == {f"t{n}" for n in range(23)}
    (letter,) = letters(site)
    assert letter["body"] == elements[13].encode()
    assert (letter["routing_key"], letter["headers"]) == ("task.multi", {"hostname": "w1"})
    assert "PostgreSQL refuses it" in letter["reason"] and code in letter["reason"]


def test_culprits_in_a_large_batch_are_found_and_everything_is_counted_once(site):
    site.database.execute(REFUSALS["22000"])
    site.broker.declare_queue()
    bodies, ids, culprits = [], set(), []
    for number in range(300):
        events = [started(uuid=f"{number}-{n}") for n in range(8)]
        ids |= {f"{number}-{n}" for n in range(8)}
        if number % 100 == 57:
            culprits.append(started(uuid=f"culprit {number}"))
            events.insert(number % 8, culprits[-1])
        bodies.append("[" + ", ".join(events) + "]")
    site.broker.publish_all(bodies)
    site.start_daemon(wait=False)
    wait_until_settled(site)
    assert set(site.database.rows()) == ids
    assert [letter["body"].decode() for letter in letters(site)] == culprits
    found = counters(site)
    assert (found["deliveries"], found["redelivered"], found["dead"]) == (300, 0, 3)
    assert found["task_events"] == 2400


# Disks that are full, conflicts, an operator's hand, a standby: time heals them.
@pytest.mark.parametrize("code", ["53100", "53200", "57014", "57P01", "40001", "25006", "55P03", "58030"])
def test_trouble_of_the_server_is_waited_out(site, code):
    site.database.execute(RAISE.format(code=code))
    daemon = site.start_daemon()
    site.broker.publish("[" + started(uuid="t") + ", " + started(uuid="culprit") + "]")
    daemon.wait_for_event("batch_failed", count=3)
    assert f"sqlstate={code}" in daemon.output()
    assert site.broker.unsettled() == 1 and site.database.rows() == {}
    site.database.execute("DROP FUNCTION refuse() CASCADE")
    wait_until_settled(site)
    assert set(site.database.rows()) == {"t", "culprit"} and letters(site) == []
    assert counters(site)["task_events"] == 2


def test_a_deadlock_is_waited_out(site):
    daemon = site.start_daemon()
    site.broker.publish("[" + started(uuid="a") + ", " + started(uuid="b") + "]")
    wait_until_settled(site)
    # A superuser's session, for only such a one may say that it waits longer: the daemon shall be the one that gives up.
    other = psycopg2.connect(with_database(site.stack.admin_url, site.name))
    lock = "SELECT FROM background_task_trackers WHERE task_id = %s FOR UPDATE"
    cursor = other.cursor()
    cursor.execute("SET deadlock_timeout = '30s'")
    cursor.execute(lock, ("b",))
    later = {"timestamp": 1795557601.5, "type": "task-succeeded"}
    site.broker.publish("[" + started(uuid="a", **later) + ", " + started(uuid="b", **later) + "]")
    wait_until(lambda: site.database.query("SELECT FROM pg_locks WHERE NOT granted"), 20, "the daemon waits for b")
    cursor.execute(lock, ("a",))
    daemon.wait_for("sqlstate=40P01")
    other.rollback()
    other.close()
    wait_until_settled(site)
    assert {row["celery_state"] for row in site.database.rows().values()} == {"SUCCESS"}
    assert letters(site) == []
    assert counters(site)["task_events"] == 4
