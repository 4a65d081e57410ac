"""Clients that mean harm, or write HTTP of their own: refused in words, and nobody else notices."""

import os
import re
import socket
import threading
import time

import psycopg2
import pytest

from harness import wait_until
from harness.database import TRACKERS
from http_facts import (add_company, add_task, add_token, allow, open_socket, read_all, send_raw, serve, status_of,
                        status_path)

HOST = b"Host: t\r\n"
GET = b"GET /healthz HTTP/1.1\r\n"


@pytest.fixture
def server(site):
    return serve(site)


AMBIGUOUS = {
    "two lengths": GET + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "the same length twice": GET + HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": GET + HOST + b"Content-Length: 5, 5\r\n\r\nhello",
    "length and encoding": GET + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another encoding": GET + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "a space before the colon": GET + HOST + b"Content-Length : 5\r\n\r\nhello",
    "a folded line": GET + HOST + b"X: a\r\n b\r\n\r\n",
    "a folded first line": GET + b" X: a\r\n" + HOST + b"\r\n",
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: t\n\n",
    "one bare line feed": GET + HOST + b"X: a\nY: b\r\n\r\n",
    "a bare carriage return": GET + HOST + b"X: a\rY: b\r\n\r\n",
    "a NUL in a header": GET + HOST + b"X: a\0b\r\n\r\n",
    "a NUL in the address": b"GET /heal\0thz HTTP/1.1\r\n" + HOST + b"\r\n",
    "a control character": GET + HOST + b"X: a\x01\r\n\r\n",
    "two credentials": GET + HOST + b"Authorization: Token a\r\nAuthorization: Token b\r\n\r\n",
    "two hosts": GET + HOST + HOST + b"\r\n",
    "no host": GET + b"\r\n",
    "no name": GET + HOST + b": a\r\n\r\n",
    "two spaces": b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab in the line": b"GET\t/healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "nothing": b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
}


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_what_could_be_read_in_two_ways_is_refused_as_a_problem(server, what):
    received = send_raw(server, AMBIGUOUS[what])
    assert status_of(received) == 400
    assert b"Content-Type: application/problem+json\r\n" in received
    assert b"Connection: close\r\n" in received
    assert received.count(b"HTTP/1.1 ") == 1
    assert server.ask().status == 200


@pytest.mark.parametrize("data, status", [
    (b"GET /healthz HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    (GET + HOST + b"X: " + b"a" * 100000 + b"\r\n\r\n", 431),
    (GET + HOST + b"X: a\r\n" * 100 + b"\r\n", 431),
    (b"POST /healthz HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000000\r\n\r\n", 413),
    (b"POST /healthz HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", 413)])
def test_what_is_too_much_is_named_as_a_problem(server, data, status):
    received = send_raw(server, data)
    assert status_of(received) == status
    assert b"Content-Type: application/problem+json\r\n" in received


def test_many_parameters_are_answered(server):
    for count in (245, 1000):
        query = "&".join(f"p{n}={n}" for n in range(count))
        assert server.ask(status_path(73) + "?" + query).status == 200, count


def test_a_request_that_is_followed_by_its_end_is_answered(site, server):
    for path in ("/healthz", status_path(73)):
        with open_socket(server) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: t\r\nAuthorization: Token {server.token}\r\n\r\n".encode())
            connection.shutdown(socket.SHUT_WR)
            received = read_all(connection)
        assert status_of(received) == 200, path


def test_who_drips_is_given_a_deadline_and_no_more(site):
    site.config["http"] = {"idle_timeout_s": 2}
    server = serve(site)
    with open_socket(server) as connection:
        began = time.monotonic()
        try:
            for byte in b"GET /healthz HTTP/1.1\r\nHost: a-rather-long-name-of-a-host-that-never-ends" * 10:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - began < 10


def test_two_hundred_who_drip_do_not_hold_a_server_of_fifty_connections(site):
    site.config["http"] = {"max_connections": 50}
    server = serve(site)
    drips = []
    for _ in range(200):
        drips.append(open_socket(server))
        drips[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: te")
    began = time.monotonic()
    assert [server.ask().status for _ in range(5)] == [200] * 5
    assert time.monotonic() - began < 10
    for connection in drips:
        connection.close()


# A sanitizer keeps what was freed.
measures_memory = pytest.mark.skipif("asan" in os.environ.get("TASKBRIDGE_PROGRAMS", ""), reason="under a sanitizer")


def rss_mib(server):
    with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024


def fill(site, count, text):
    site.database.execute(f"INSERT INTO {TRACKERS} (task_id, registered_company, registered_name, created_at, text_at, "
                          "progress_note, alive_at) SELECT 'task-' || n, '73', 'n', "
                          "'2024-01-01'::timestamptz + n * interval '1 s', now(), " + text + ", now() "
                          "FROM generate_series(1, %s) n", (count,))


@measures_memory
def test_slow_readers_of_a_large_document_share_one_copy(site, server):
    fill(site, 1000, "repeat('x', 2000) || n")
    assert len(server.ask().body) > 2_000_000
    before = rss_mib(server)
    slow = []
    for _ in range(150):
        slow.append(open_socket(server))
        slow[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow[-1].sendall(f"GET {status_path(73)} HTTP/1.1\r\nHost: t\r\nAuthorization: Token {server.token}\r\n\r\n".encode())
    for connection in slow:
        assert connection.recv(16)
    assert server.ask().status == 200
    assert rss_mib(server) - before < 40
    for connection in slow:
        connection.close()


@measures_memory
def test_texts_of_control_characters_do_not_hold_the_others_up(site, server):
    fill(site, 1000, "repeat(chr(1), 2000)")
    waits, over = [], threading.Event()

    def watch():
        while not over.is_set():
            began = time.monotonic()
            server.http.get("/healthz")
            waits.append(time.monotonic() - began)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        for value in range(3):
            site.database.execute(f"UPDATE {TRACKERS} SET progress_value = %s, progress_at = now() WHERE task_id = 'task-1'",
                                  (value,))
            answer = server.ask()
            assert answer.status == 200
            assert answer.json()["summary"]["active_count"] == 1000
    finally:
        over.set()
        watching.join()
    assert max(waits) < 2


def test_errors_of_a_mebibyte_are_listed_shortened(site, server):
    for number in range(20):
        add_task(site, f"task-{number}", 73, received_at="2024-01-01Z", began_at="2024-01-01Z",
                 failed_at=f"2024-01-01 10:00:{number:02}Z", error="x" * (1 << 20))
    answer = server.ask()
    assert answer.status == 200
    assert len(answer.json()["summary"]["recent_completed"]) == 20
    assert len(answer.body) < 200_000


# ---- the database under it ----

def test_tables_may_be_altered_under_the_server(site, server):
    add_company(site, 74, "Other")
    allow(site, "ana", 74)
    assert server.ask().status == 200
    site.database.execute("ALTER TABLE companies ALTER name TYPE varchar(200)")
    site.database.execute(f"ALTER TABLE {TRACKERS} ADD COLUMN extra integer")
    for company in (73, 74):
        site.database.execute("SELECT pg_notify('taskbridge_company', %s)", (str(company),))
        assert [server.ask(status_path(company)).status for _ in range(5)] == [200] * 5


def test_a_lock_on_one_token_stops_nobody(site, server):
    add_company(site, 74, "Other")
    allow(site, "bea", 74)
    bea = add_token(site, "bea")
    connection = psycopg2.connect(site.database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM api_tokens WHERE user_name = 'ana' FOR UPDATE")
            for token, company in ((server.token, 73), (bea, 74)) * 3:
                began = time.monotonic()
                assert server.http.get(status_path(company), token=token).status == 200
                assert time.monotonic() - began < 5
    finally:
        connection.rollback()
        connection.close()


def test_an_abandoned_question_is_cancelled(site, server):
    assert server.ask().status == 200
    blocker = psycopg2.connect(site.database_url)
    try:
        with blocker.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {TRACKERS} IN ACCESS EXCLUSIVE MODE")
            with open_socket(server) as connection:
                connection.sendall(f"GET /api/v1/companies/73/tasks/a/ HTTP/1.1\r\nHost: t\r\n"
                                   f"Authorization: Token {server.token}\r\n\r\n".encode())
                waiting = ("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'taskbridge-http' "
                           "AND datname = current_database() AND wait_event_type = 'Lock'")
                wait_until(lambda: site.database.value(waiting) > 0, 10, "the question waits")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            wait_until(lambda: site.database.value(waiting) == 0, 5, "the question is gone")
    finally:
        blocker.rollback()
        blocker.close()
    assert server.ask().status == 200
