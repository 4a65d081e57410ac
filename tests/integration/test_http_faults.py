"""The HTTP module among clients that misbehave, databases that are away, and signals."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import free_port, wait_until
from harness.process import base_environment, program
from http_facts import add_task, open_socket, read_all, send_raw, serve, status_of, status_path

pytestmark = pytest.mark.sanitized


@pytest.fixture
def server(site):
    return serve(site)


def request_bytes(server, path=status_path(73), *headers):
    lines = [f"GET {path} HTTP/1.1", "Host: test", f"Authorization: Token {server.token}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def open_descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def was_read(connection):
    """Whether the server has read all that was sent on this connection, by the kernel's table."""
    ends = [f":{port:04X}" for port in (connection.getpeername()[1], connection.getsockname()[1])]
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            local, remote, _, queues = line.split()[1:5]
            if local.endswith(ends[0]) and remote.endswith(ends[1]):
                return queues.endswith(":00000000")
    return False


# ---- clients ----

def test_requests_sent_in_a_row_are_answered_in_their_order(server):
    with open_socket(server) as connection:
        connection.sendall(b"".join(request_bytes(server, status_path(73), f"X-Request-ID: r{n}") for n in range(20)))
        connection.sendall(request_bytes(server, "/healthz", "Connection: close"))
        received = read_all(connection)
    assert re.findall(rb"X-Request-ID: (r\d+)", received) == [b"r%d" % n for n in range(20)]
    assert received.count(b"HTTP/1.1 200 OK") == 21


def test_a_connection_is_kept_from_request_to_request(server):
    connection = server.http.connect()
    ports = set()
    for _ in range(5):
        connection.request("GET", status_path(73), headers={"Authorization": f"Token {server.token}"})
        ports.add(connection.sock.getsockname()[1])
        response = connection.getresponse()
        assert response.status == 200
        response.read()
    assert len(ports) == 1
    connection.close()


def test_many_polls_at_once_each_get_their_own_company(site, server):
    for company in range(100, 116):
        site.database.execute("INSERT INTO company_members VALUES ('ana', %s)", (str(company),))
        add_task(site, f"task-of-{company}", company)
    wrong = []

    def poll(company):
        connection = server.http.connect()
        for _ in range(40):
            connection.request("GET", status_path(company), headers={"Authorization": f"Token {server.token}"})
            response = connection.getresponse()
            body = response.read()
            tasks = [task["task_id"] for task in json.loads(body)["active_tasks"]] if response.status == 200 else body
            if tasks != [f"task-of-{company}"]:
                wrong.append((company, response.status, tasks))
        connection.close()

    in_threads(poll, range(100, 116))
    assert wrong == []


def in_threads(function, arguments):
    threads = [threading.Thread(target=function, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_clients_that_never_finish_their_request_keep_nobody_waiting(server):
    slow = [open_socket(server) for _ in range(200)]
    for connection in slow:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: te")
    began = time.monotonic()
    assert server.ask().status == 200
    assert time.monotonic() - began < 5
    for connection in slow:
        connection.close()


def test_connections_on_which_nothing_happens_are_closed(site):
    site.config["http"] = {"idle_timeout_s": 1}
    server = serve(site)
    with open_socket(server) as silent, open_socket(server) as half:
        half.sendall(b"GET /healthz HTTP/1.1\r\nHo")
        assert read_all(silent) == b""
        assert status_of(read_all(half)) in (None, 408)


def test_past_the_most_connections_a_client_waits_until_another_leaves(site):
    site.config["http"] = {"max_connections": 5}
    server = serve(site)
    idle = [open_socket(server) for _ in range(5)]
    for connection in idle:
        connection.sendall(request_bytes(server, "/healthz"))
        assert status_of(connection.recv(65536)) == 200
    with open_socket(server) as waiting:
        waiting.sendall(request_bytes(server, "/healthz", "Connection: close"))
        waiting.settimeout(0.5)
        with pytest.raises(socket.timeout):
            waiting.recv(1)
        for connection in idle:
            connection.close()
        waiting.settimeout(20)
        assert status_of(read_all(waiting)) == 200
    assert server.ask().status == 200


NO_REQUESTS = [
    (b"\r\n\r\n", (None, 400)),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), (None, 400)),
    (b"GET\r\n\r\n", (None, 400)),
    (b"GET / HTTP/1.1\r\n\r\n", (400,)),
    (b"GET /healthz HTTP/9.9\r\nHost: t\r\n\r\n", (None, 400, 505)),
    (b"GET /api/v1/companies/73\0/task_status/ HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", (None, 400, 404)),
    (b"GET /healthz HTTP/1.1\r\nHost: t\r\nX: " + b"a" * 100000 + b"\r\n\r\n", (None, 400, 413, 431)),
    (b"GET /healthz HTTP/1.1\r\nHost: t\r\n" + b"X: a\r\n" * 20000 + b"\r\n", (None, 400, 413, 431)),
    (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: t\r\n\r\n", (None, 400, 414)),
    (b"GET /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: x\r\n\r\n", (None, 400)),
    (b"GET /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: -5\r\n\r\n", (None, 400)),
    (b"POST /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999999999\r\n\r\n", (None, 400, 413)),
]


def test_what_is_no_request_is_refused_and_harms_nobody(site):
    site.config["http"] = {"idle_timeout_s": 1}
    server = serve(site)
    for data, statuses in NO_REQUESTS:
        assert status_of(send_raw(server, data)) in statuses, data[:100]
        assert server.ask().status == 200


def test_small_bodies_are_dropped_and_the_connection_is_kept(server):
    body = b"GET /nothing HTTP/1.1\r\n\r\n"
    with open_socket(server) as connection:
        connection.sendall(request_bytes(server, "/healthz", f"Content-Length: {len(body)}") + body)
        connection.sendall(request_bytes(server, "/readyz", "Connection: close"))
        received = read_all(connection)
    assert re.findall(rb'"status":"(\w+)"', received) == [b"alive", b"ready"]


@pytest.mark.parametrize("headers", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_large_bodies_are_refused_before_they_are_sent(server, headers):
    with open_socket(server) as connection:
        connection.sendall(request_bytes(server, "/healthz", headers))
        received = read_all(connection)
    assert status_of(received) == 413
    assert b"application/problem+json" in received
    assert b"Connection: close" in received


def test_clients_of_http_1_0_are_served(server):
    received = send_raw(server, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert status_of(received) == 200
    assert received.endswith(b'{"status":"alive"}')


# ---- the database ----

@pytest.fixture
def behind_proxy(site):
    """A server whose database can be taken away: server.proxy. The document of company 73 is in its memory, that of 74
    is not."""
    site.config["http"] = {"idle_timeout_s": 5}
    proxy = site.proxy_to(site.database_url)
    server = serve(site, TASKBRIDGE_DATABASE_URL=proxy.url(site.database_url))
    server.proxy = proxy
    site.database.execute("INSERT INTO company_members (user_name, company_id) VALUES ('ana', '74')")
    server.wait_for("event=changes_heard")
    assert server.ask().status == 200
    return server


def assert_away(answer):
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Service Unavailable"


def test_while_the_database_is_away_clients_are_told_when_to_come_back(behind_proxy):
    behind_proxy.proxy.refuse()
    began = time.monotonic()
    assert_away(behind_proxy.ask())
    assert time.monotonic() - began < 10
    assert_away(behind_proxy.http.get("/readyz"))
    assert behind_proxy.http.get("/healthz").status == 200
    assert behind_proxy.http.get(status_path(73)).status == 401
    behind_proxy.proxy.restore()
    wait_until(lambda: behind_proxy.ask().status == 200, 40, "the document is there again")


def test_a_database_that_fell_silent_is_waited_for_two_seconds(behind_proxy):
    behind_proxy.proxy.stall()
    began = time.monotonic()
    assert_away(behind_proxy.ask(status_path(74)))
    assert 1.5 < time.monotonic() - began < 10
    behind_proxy.proxy.restore()
    wait_until(lambda: behind_proxy.ask().status == 200, 40, "the document is there again")


def test_a_request_outlives_the_loss_of_its_connection(behind_proxy):
    behind_proxy.proxy.stall()
    with open_socket(behind_proxy) as connection:
        connection.sendall(request_bytes(behind_proxy, status_path(74), "Connection: close"))
        wait_until(lambda: was_read(connection), what="the request has come in")
        behind_proxy.proxy.cut()
        behind_proxy.proxy.restore()
        assert status_of(read_all(connection)) == 200
    assert len(behind_proxy.events("database_connected")) == 2


def test_clients_that_leave_while_the_database_is_asked_do_no_harm(behind_proxy):
    before = open_descriptors(behind_proxy)
    behind_proxy.proxy.stall()
    for n in range(50):
        connection = open_socket(behind_proxy)
        connection.sendall(request_bytes(behind_proxy, status_path(74)) * (1 + n % 3))
        if n % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    behind_proxy.proxy.restore()
    wait_until(lambda: behind_proxy.ask().status == 200, 40, "the document is there again")
    wait_until(lambda: open_descriptors(behind_proxy) <= before, 40, "all connections have ended")


def test_a_restart_of_the_database_under_polls_is_told_and_survived(site, stack, server):
    statuses = []
    over = threading.Event()

    def poll(_):
        while not over.is_set():
            statuses.append(server.ask().status)

    polling = [threading.Thread(target=poll, args=(n,)) for n in range(4)]
    for thread in polling:
        thread.start()
    try:
        stack.stop("postgresql")
        wait_until(lambda: 503 in statuses, 20, "a client is told")
        stack.start("postgresql")
        seen = len(statuses)
        wait_until(lambda: 200 in statuses[seen:], 40, "a client is served again")
    finally:
        over.set()
        for thread in polling:
            thread.join()
    assert set(statuses) == {200, 503}


# ---- signals and the command line ----

def test_sigterm_lets_every_answer_be_whole(site):
    server = serve(site)
    broken, answered = [], []

    def poll(_):
        connection = server.http.connect()
        while True:
            is_kept = connection.sock is not None
            try:
                connection.request("GET", status_path(73), headers={"Authorization": f"Token {server.token}"})
                response = connection.getresponse()
                body = response.read()
            except OSError as error:
                if is_kept:
                    broken.append(error)
                return
            except http.client.HTTPException as error:
                broken.append(error)
                return
            answered.append(response.status)
            if response.status != 200 or not body.endswith(b"}"):
                broken.append(body)

    polling = [threading.Thread(target=poll, args=(n,)) for n in range(16)]
    for thread in polling:
        thread.start()
    wait_until(lambda: len(answered) > 200, what="polls flow")
    server.terminate(timeout=5)
    for thread in polling:
        thread.join()
    assert broken == []
    assert set(answered) == {200}


def test_sigterm_does_not_wait_for_idle_or_slow_clients(server):
    with open_socket(server) as idle, open_socket(server) as slow:
        idle.sendall(request_bytes(server, "/healthz"))
        assert status_of(idle.recv(65536)) == 200
        slow.sendall(b"GET / HT")
        began = time.monotonic()
        server.terminate(timeout=5)
        assert time.monotonic() - began < 4


def test_sigterm_while_the_database_is_silent_answers_and_ends(behind_proxy):
    behind_proxy.proxy.stall()
    with open_socket(behind_proxy) as connection:
        connection.sendall(request_bytes(behind_proxy, status_path(74)))
        wait_until(lambda: was_read(connection), what="the request has come in")
        behind_proxy.terminate(timeout=6)
        assert status_of(read_all(connection)) == 503


def test_sighup_takes_the_level_of_the_log(site, server):
    site.config["log"] = {"level": "warning"}
    site.write_config()
    server.signal(signal.SIGHUP)
    server.wait_for_event("configuration_read")
    server.ask("/quiet")
    site.config["log"] = {"level": "info"}
    site.write_config()
    server.signal(signal.SIGHUP)
    server.wait_for_event("configuration_read", count=2)
    server.ask("/loud")
    server.wait_for("path=/loud")
    assert "path=/quiet" not in server.output()


def test_sighup_with_a_wrong_configuration_changes_nothing(site, server):
    site.config_file.write_text("http: {listn: x}\n", encoding="utf-8")
    server.signal(signal.SIGHUP)
    server.wait_for_event("configuration_refused")
    assert server.ask().status == 200


@pytest.mark.parametrize("address, shown", [("127.0.0.1:0", r"127\.0\.0\.1:(\d+)"), ("[::1]:0", r"\[::1\]:(\d+)")])
def test_a_free_port_is_taken_and_told(site, address, shown):
    if ":1]" in address and not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("this machine has no IPv6")
    server = site.start_http(wait=False, TASKBRIDGE_HTTP_LISTEN=address)
    server.wait_for_event("http_listening")
    port = int(re.search("address=" + shown, server.output()).group(1))
    connection = http.client.HTTPConnection(address.rpartition(":")[0].strip("[]"), port, timeout=20)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()


def run_program(*arguments, **variables):
    return subprocess.run([*program("taskbridge-http"), *arguments], env=base_environment(**variables), text=True,
                          capture_output=True, timeout=60, check=False)


def test_command_line():
    done = run_program("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: taskbridge-http [--config FILE]")
    assert run_program("--version").stdout.startswith("taskbridge-http ")
    done = run_program("--nonsense")
    assert done.returncode == 2
    assert "--nonsense" in done.stderr
    done = run_program(TASKBRIDGE_HTTP_LISTEN="nowhere")
    assert done.returncode == 2
    assert "http.listen" in done.stderr


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_program(TASKBRIDGE_HTTP_LISTEN=address,
                           TASKBRIDGE_DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    assert done.returncode == 1
    assert f"http.listen: listening on {address}" in done.stderr
