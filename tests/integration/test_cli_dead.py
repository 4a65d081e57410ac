"""Dead letters in an operator's hands: listed, shown byte for byte, sent again, dropped."""

import base64
import json
import subprocess

import psycopg2
import pytest

from harness.process import program

BODY = b'{"not": "utf-8: \xff", "nul": \x00}\n'


def letter(site, reason, body=b"{}", routing_key="task.sent", headers='{"hostname": "w1@a"}'):
    """Puts one into the table; returns its id."""
    return site.database.value(
        "INSERT INTO dead_letters (instance, received_at, routing_key, content_type, content_encoding, headers, body,"
        " reason) VALUES ('d1', '2026-01-02T03:04:05Z', %s, 'application/json', 'utf-8', %s, %s, %s) RETURNING id",
        (routing_key, headers, psycopg2.Binary(body), reason))


def count(site, where="true"):
    return site.database.value(f"SELECT count(*) FROM dead_letters WHERE {where}")


def test_letters_are_listed_by_reason(site):
    first = letter(site, "the body is no JSON")
    second = letter(site, "it has no uuid", b"[" * 300)
    rows = json.loads(site.cli("dead", "list", "--json").stdout)
    assert [(row["id"], row["reason"], row["body_bytes"]) for row in rows] == [
        (first, "the body is no JSON", 2), (second, "it has no uuid", 300)]
    assert rows[0]["received_at"] == "2026-01-02T03:04:05Z" and rows[0]["retried_at"] is None
    (row,) = json.loads(site.cli("dead", "list", "--json", "--reason", "uuid").stdout)
    assert row["id"] == second
    assert json.loads(site.cli("dead", "list", "--json", "--limit", 1, "--after", first).stdout)[0]["id"] == second
    lines = site.cli("dead", "list").stdout.splitlines()
    assert lines[0].split() == ["ID", "RECEIVED", "ROUTING", "KEY", "BYTES", "SENT", "AGAIN", "REASON"]
    assert lines[2].endswith("300  no          it has no uuid")


def test_a_long_reason_does_not_break_the_table(site):
    letter(site, "ñ" * 500 + "\x1b[31m")
    line = site.cli("dead", "list").stdout.splitlines()[1]
    assert len(line) == 100 and line.endswith("ñ…")


def test_the_body_is_shown_byte_for_byte(site):
    number = letter(site, "broken", BODY)
    site.write_config()
    done = subprocess.run([*program("taskbridge"), "--config", str(site.config_file), "dead", "show", str(number)],
                          env=site.environment(), capture_output=True, timeout=60, check=True)
    assert done.stdout == BODY
    assert b"reason           broken\n" in done.stderr
    assert b"routing key      task.sent\n" in done.stderr
    shown = json.loads(site.cli("dead", "show", number, "--json").stdout)
    assert base64.b64decode(shown["body_base64"]) == BODY
    assert shown["headers"] == {"hostname": "w1@a"}
    assert "there is no dead letter 999" in site.cli("dead", "show", 999, check=1).stderr


def test_a_letter_is_sent_again_as_it_was_and_noted(site):
    site.broker.declare_queue()
    number = letter(site, "an old reason", b'{"type": "task-sent", "\xc3\xb1": 1}')
    other = letter(site, "another reason")
    assert site.cli("dead", "retry", number).stdout == "1 sent again\n"
    message = site.broker.get()
    body = message.body if isinstance(message.body, bytes) else message.body.encode("utf-8")
    assert body == b'{"type": "task-sent", "\xc3\xb1": 1}'
    assert message.delivery_info["routing_key"] == "task.sent"
    assert message.delivery_info["exchange"] == "celeryev"
    assert message.content_type == "application/json"
    assert message.headers["hostname"] == "w1@a"
    assert site.broker.get() is None
    assert count(site, f"id = {number} AND retried_at IS NOT NULL") == 1
    assert count(site, f"id = {other} AND retried_at IS NULL") == 1


def test_all_means_those_that_were_not_sent_again(site):
    site.broker.declare_queue()
    for _ in range(3):
        letter(site, "no JSON")
    letter(site, "no uuid")
    assert json.loads(site.cli("dead", "retry", "--reason", "JSON", "--json").stdout) == {"sent": 3, "masked": 0}
    assert json.loads(site.cli("dead", "retry", "--all", "--json").stdout) == {"sent": 1, "masked": 0}
    assert json.loads(site.cli("dead", "retry", "--all", "--json").stdout) == {"sent": 0, "masked": 0}
    assert site.broker.unsettled() == 4


def test_a_letter_that_no_queue_takes_stays_unsent(site):
    number = letter(site, "no JSON")
    done = site.cli("dead", "retry", number, check=1)
    assert f"dead letter {number}: no queue takes messages" in done.stderr
    assert count(site, "retried_at IS NOT NULL") == 0


def test_headers_that_cannot_be_sent_do_not_hold_the_letter_back(site):
    site.broker.declare_queue()
    letter(site, "no JSON", headers='"kept as text"')
    assert site.cli("dead", "retry", "--all").stdout == "1 sent again\n"
    assert set(site.broker.get().headers or {}) <= {"x-delivery-count"}  # which RabbitMQ 3's quorum queues add


def test_letters_are_dropped_by_id_by_reason_and_all(site):
    numbers = [letter(site, "no JSON") for _ in range(3)] + [letter(site, "no uuid") for _ in range(2)]
    assert site.cli("dead", "drop", numbers[0]).stdout == "1 dropped\n"
    assert "there is no dead letter" in site.cli("dead", "drop", numbers[0], check=1).stderr
    assert json.loads(site.cli("dead", "drop", "--reason", "JSON", "--json").stdout) == {"dropped": 2}
    assert count(site) == 2
    assert site.cli("dead", "drop", "--all").stdout == "2 dropped\n"
    assert count(site) == 0


@pytest.mark.parametrize("arguments", [[], ["1", "--all"], ["--all", "--reason", "x"], ["x"], ["0"]])
@pytest.mark.parametrize("verb", ["drop", "retry"])
def test_what_is_meant_must_be_said_and_said_once(site, verb, arguments):
    letter(site, "no JSON")
    site.cli("dead", verb, *arguments, check=2)
    assert count(site, "retried_at IS NULL") == 1


def test_more_than_a_page_is_dropped(site):
    site.database.execute("INSERT INTO dead_letters (instance, body, reason) SELECT 'd', '', 'many'"
                          " FROM generate_series(1, 1500)")
    assert site.cli("dead", "drop", "--reason", "many").stdout == "1500 dropped\n"


def test_a_hundred_thousand_letters_are_listed_and_dropped_in_pages(site):
    """What takes a command seconds at this size takes minutes at ten times of it, and no more."""
    site.database.execute("INSERT INTO dead_letters (instance, received_at, routing_key, content_type, reason, body) "
                          "SELECT 'd', now(), 'x', 'application/x-msgpack', 'msgpack ' || n % 10, 'x' "
                          "FROM generate_series(1, 100000) n")
    assert len(json.loads(site.cli("dead", "list", "--json", timeout=20).stdout)) == 1000
    assert json.loads(site.cli("dead", "drop", "--reason", "msgpack 7", "--json", timeout=60).stdout) == {"dropped": 10000}
    assert json.loads(site.cli("dead", "drop", "--all", "--json", timeout=60).stdout) == {"dropped": 90000}
