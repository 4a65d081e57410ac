"""A company's document as it is pushed: server-sent events and WebSockets, their beginning, their pace and their end."""

import base64
import hashlib
import os
import re
import socket
import threading
import time

import pytest

from harness import wait_until
from harness.database import TRACKERS
from harness.streams import CLOSE, PING, PONG, TEXT, Events, WebSocket
from http_facts import add_company, add_task, add_token, allow, serve, status_path

STREAM = status_path(73) + "stream"
SOCKET = status_path(73) + "ws"


@pytest.fixture
def server(site):
    server = serve(site)
    server.wait_for("event=changes_heard")
    return server


def begin(site, task="task-1", company=73):
    add_task(site, task, company, received_at="2024-01-01 10:00Z")


def progress(site, value, task="task-1"):
    site.database.execute(f"UPDATE {TRACKERS} SET progress_value = %s, progress_at = now(), alive_at = now() "
                          "WHERE task_id = %s", (value, task))


def finish(site, task="task-1"):
    site.database.execute(f"UPDATE {TRACKERS} SET succeeded_at = now() WHERE task_id = %s", (task,))


OPEN = {"events": lambda server, token: Events(server, STREAM, token),
        "websocket": lambda server, token: WebSocket(server, SOCKET, token)}


@pytest.fixture(params=sorted(OPEN))
def open_stream(request, server):
    streams = []

    def open_one(token=server.token):
        streams.append(OPEN[request.param](server, token))
        return streams[-1]

    yield open_one
    for stream in streams:
        stream.close()


def progress_of(document):
    return [task["progress"] for task in document["active_tasks"]]


# ---- what is sent ----

def test_document_comes_at_once_and_on_every_change(site, server, open_stream):
    begin(site)
    stream = open_stream()
    assert stream.status == (101 if isinstance(stream, WebSocket) else 200)
    first = stream.document()
    assert progress_of(first) == [0]
    polled = server.ask()
    assert polled.headers["etag"] == f'W/"{first["version"]}"'
    for value in (10, 20, 30):
        progress(site, value)
        document = stream.document()
        assert progress_of(document) == [value]
        assert document["version"] != first["version"]


def test_a_change_by_the_daemon_is_pushed(site, server, open_stream):
    site.start_daemon()
    begin(site, "other")
    stream = open_stream()
    stream.document()
    began = time.monotonic()
    site.broker.publish([{"type": "task-started", "uuid": "other", "timestamp": time.time(), "hostname": "w@h",
                          "pid": 1, "clock": 1, "utcoffset": 0}])
    while stream.document()["active_tasks"][0]["status"] != "running":
        pass
    assert time.monotonic() - began < 5


def test_nothing_is_sent_when_nothing_but_the_clock_changed(site, server, open_stream):
    begin(site)
    stream = open_stream()
    first = stream.document()
    site.database.execute("SELECT pg_notify('taskbridge_company', '73') FROM generate_series(1, 3)")
    progress(site, 10)
    assert stream.document()["version"] != first["version"]


def test_a_thousand_changes_are_a_few_documents_and_the_last_is_among_them(site, server, open_stream):
    begin(site)
    stream = open_stream()
    stream.document()
    began = time.monotonic()
    for value in range(1, 1000):
        progress(site, value / 10)
    documents = [stream.document()]
    while progress_of(documents[-1]) != [99]:
        documents.append(stream.document())
    took = time.monotonic() - began
    assert len(documents) <= 10 * took + 5
    assert [progress_of(document) for document in documents] == sorted(progress_of(document) for document in documents)


def test_streams_of_two_companies_and_two_filters_see_their_own(site, server):
    add_company(site, 74, "Other")
    allow(site, "ana", 74)
    begin(site, "ours", 73)
    begin(site, "theirs", 74)
    with Events(server, STREAM, server.token) as ours, \
            Events(server, status_path(74) + "stream", server.token) as theirs, \
            Events(server, STREAM + "?status=failed", server.token) as failed:
        assert [task["task_id"] for task in ours.document()["active_tasks"]] == ["ours"]
        assert [task["task_id"] for task in theirs.document()["active_tasks"]] == ["theirs"]
        assert failed.document()["active_tasks"] == []
        progress(site, 40, "theirs")
        assert progress_of(theirs.document()) == [40]
        progress(site, 30, "ours")
        assert progress_of(ours.document()) == [30]


# ---- its beginning ----

def test_who_may_not_see_is_answered_as_when_polling(server):
    for address, token, status in ((STREAM, None, 401), (STREAM, "wrong", 401), (status_path(75) + "stream", "", 404),
                                   (status_path("x") + "stream", "", 400), (STREAM + "?status=no", "", 400)):
        with Events(server, address, server.token if token == "" else token) as stream:
            assert stream.status == status
            assert stream.headers["content-type"] == "application/problem+json"
        with WebSocket(server, address.replace("stream", "ws"), server.token if token == "" else token) as stream:
            assert stream.status == status


def test_events_say_when_to_come_back_and_are_not_kept_by_proxies(site, server):
    begin(site)
    retries = set()
    for _ in range(8):
        with Events(server, STREAM, server.token) as stream:
            assert stream.headers["content-type"] == "text/event-stream"
            assert stream.headers["cache-control"] == "no-store"
            assert stream.headers["x-accel-buffering"] == "no"
            retries.add(int(stream.next()["retry"]))
    assert len(retries) > 3
    assert all(1000 <= retry <= 6000 for retry in retries)


def test_head_of_a_stream_ends(server):
    answer = server.http.request("HEAD", STREAM, token=server.token)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")


def test_handshake_is_that_of_the_standard(site, server):
    begin(site)
    with WebSocket(server, SOCKET, server.token) as stream:
        expected = hashlib.sha1((stream.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert stream.headers["sec-websocket-accept"] == base64.b64encode(expected).decode()
        assert stream.headers["upgrade"].lower() == "websocket"
        assert "sec-websocket-protocol" not in stream.headers
    with WebSocket(server, SOCKET, protocols=f"taskbridge, token.{server.token}") as stream:
        assert stream.status == 101
        assert stream.headers["sec-websocket-protocol"] == "taskbridge"


@pytest.mark.parametrize("headers, status", [
    ({"Upgrade": "h2c"}, 426), ({"Connection": "close"}, 426), ({"Sec-WebSocket-Version": "8"}, 426),
    ({"Sec-WebSocket-Key": "short"}, 400), ({"Origin": "https://evil.example.com"}, 403)])
def test_handshakes_that_are_none_are_refused(server, headers, status):
    with WebSocket(server, SOCKET, server.token, headers=headers) as stream:
        assert stream.status == status
        assert stream.headers["content-type"] == "application/problem+json"


# ---- its end ----

def test_end_of_all_tasks_ends_the_stream_and_its_reader(site, server):
    begin(site)
    with Events(server, STREAM, server.token) as stream:
        stream.document()
        finish(site)
        last = stream.document()
        assert last["all_completed"]
        assert stream.next()["event"] == "completed"
        assert stream.ended()
    with Events(server, STREAM, server.token, last=last["version"]) as stream:
        assert stream.status == 204
    with Events(server, STREAM, server.token, last="older") as stream:
        assert stream.document()["version"] == last["version"]
        assert stream.next()["event"] == "completed"
    with WebSocket(server, SOCKET, server.token) as stream:
        assert stream.document()["all_completed"]
        assert stream.close_code() == 1000


def test_a_company_without_tasks_is_waited_for(site, server, open_stream):
    stream = open_stream()
    assert stream.document()["summary"]["total_tasks"] == 0
    begin(site)
    assert stream.document()["summary"]["total_tasks"] == 1


TAKEN_AWAY = {"token": "UPDATE api_tokens SET revoked_at = now()", "member": "DELETE FROM company_members",
              "company": "SELECT company_remove(73)"}


@pytest.mark.parametrize("what", sorted(TAKEN_AWAY))
def test_access_that_is_taken_away_ends_the_stream(site, server, open_stream, what):
    begin(site)
    stream = open_stream()
    stream.document()
    began = time.monotonic()
    site.database.query(TAKEN_AWAY[what] + (" RETURNING 1" if what != "company" else ""))
    if isinstance(stream, WebSocket):
        assert stream.close_code() == 1008
    else:
        while stream.next().get("event") != "refused":
            pass
    assert stream.ended()
    assert time.monotonic() - began < 5


def test_a_token_that_expires_ends_the_stream(site, server, open_stream):
    begin(site)
    stream = open_stream(add_token(site, "ana", expires="now() + interval '2 s'"))
    stream.document()
    began = time.monotonic()
    assert stream.ended()
    assert time.monotonic() - began < 7


def test_a_server_that_goes_down_says_so(site, server):
    begin(site)
    with Events(server, STREAM, server.token) as events, WebSocket(server, SOCKET, server.token) as socket_:
        events.document()
        socket_.document()
        server.terminate(timeout=5)
        assert 1000 <= int(events.next()["retry"]) <= 6000
        assert events.ended()
        assert socket_.close_code() == 1001
        assert socket_.ended()


# ---- clients ----

def test_pings_are_answered_and_a_close_is_closed(site, server):
    begin(site)
    with WebSocket(server, SOCKET, server.token) as stream:
        stream.document()
        stream.send(PING, b"are you there")
        assert stream.frame() == (PONG, b"are you there")
        stream.send(TEXT, b"nobody reads this")
        stream.send(PONG, b"unasked")
        stream.send(PING, b"2")
        assert stream.frame() == (PONG, b"2")
        stream.send(CLOSE, b"\x03\xe8")
        assert stream.close_code() == 1000
        assert stream.ended()


def test_frames_against_the_standard_end_the_websocket_alone(site, server):
    begin(site)
    for data in (b"\x81\x05hello", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x89\xfe\x01\x00" + bytes(300)):
        with WebSocket(server, SOCKET, server.token) as stream:
            stream.document()
            stream.socket.sendall(data)
            assert stream.ended()
    assert server.ask().status == 200


# A sanitizer keeps what was freed.
measures_memory = pytest.mark.skipif("asan" in os.environ.get("TASKBRIDGE_PROGRAMS", ""), reason="under a sanitizer")


def rss_kib(server):
    with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


@measures_memory
def test_readers_that_do_not_read_hold_one_copy_and_get_the_newest(site, server):
    # A document of about a MiB; the kernel takes some of it for each.
    site.database.execute(f"INSERT INTO {TRACKERS} (task_id, registered_company, registered_name, created_at) "
                          "SELECT 'task-' || n, '73', repeat('x', 500), '2024-01-01'::timestamptz + n * interval '1 s' "
                          "FROM generate_series(1, 1000) n")
    streams = [Events(server, STREAM, server.token) for _ in range(100)]
    wait_until(lambda: len(streams[-1].socket.recv(10, socket.MSG_PEEK)) > 0, what="the last stream has begun")
    before = rss_kib(server)
    for value in range(10, 30):
        progress(site, value, "task-1")
        wait_until(lambda: server.ask().json()["active_tasks"][0]["progress"] == value, what="the change is there")
    assert rss_kib(server) - before < 64 * 1024
    for stream in streams[:3]:
        documents = [stream.document()]
        while documents[-1]["active_tasks"][0]["progress"] != 29:
            documents.append(stream.document())
        assert len(documents) <= 5
    for stream in streams:
        stream.close()


def test_a_stream_on_which_nothing_happens_is_kept_alive(site, server):
    begin(site)
    with Events(server, STREAM, server.token) as events, WebSocket(server, SOCKET, server.token) as socket_:
        events.document()
        socket_.document()
        assert "" in events.next()
        assert socket_.frame() == (PING, b"")


def test_many_that_come_back_at_once_cost_a_question_or_two(site, server):
    begin(site)
    server.ask()
    statement = ("SELECT calls FROM (SELECT xact_commit AS calls FROM pg_stat_database "
                 "WHERE datname = current_database()) s")
    site.database.query("SELECT pg_stat_clear_snapshot()")
    before = site.database.value(statement)
    streams = []

    def open_some(_):
        streams.extend(Events(server, STREAM, server.token) for _ in range(100))

    threads = [threading.Thread(target=open_some, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(stream.document()["company_id"] == 73 for stream in streams)
    # What is counted is told late, and the module's own beat is among it.
    time_left = wait_until(lambda: site.database.value(statement) > before, what="commits are counted")
    assert time_left
    assert site.database.value(statement) - before < 60
    for stream in streams:
        stream.close()
