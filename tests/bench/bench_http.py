"""The HTTP module beside its peers, in one run.

poll: one company's document asked for by 64 connections while its rows change 10 times a second, beside nginx with the
same bytes as a static file and Django REST framework with the same query. streams: 10,000 open event streams, what each
costs, and how long a change takes to reach all. size: a document at 1,000,000 rows of 10,000 companies beside 10,000 rows
of 100. neighbour: a small company's p99 while 50 tabs poll one with 1,000,000 tasks. Numbers go to build/bench/http.json.
"""

import contextlib
import os
import pathlib
import re
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from urllib.parse import urlsplit

import bench
from harness import Database, wait_until
from harness.process import free_port
from http_facts import add_company, add_task, allow, serve, status_path

SECONDS = float(os.environ.get("TASKBRIDGE_BENCH_HTTP_SECONDS", "5"))
RUNS = int(os.environ.get("TASKBRIDGE_BENCH_RUNS", "3"))
STREAMS = int(os.environ.get("TASKBRIDGE_BENCH_STREAMS", "10000"))
ROWS = int(os.environ.get("TASKBRIDGE_BENCH_ROWS", "1000000"))
CONNECTIONS = 64
TRACKERS = "background_task_trackers"


# ---- polling ----

def requests_per_second(url, token=None):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS:.0f}s"]
    if token:
        command += ["-H", f"Authorization: Token {token}"]
    output = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in output, output
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))


@contextlib.contextmanager
def nginx(body):
    """Debian's nginx with one file, as it comes: a worker a core."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        port = free_port()
        pathlib.Path(directory, "document.json").write_bytes(body)
        conf = pathlib.Path(directory, "nginx.conf")
        conf.write_text(f"""worker_processes auto; daemon off; pid {directory}/pid; error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log {directory}/access.log; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
types {{ application/json json; }} server {{ listen 127.0.0.1:{port}; root {directory}; }} }}""", encoding="utf-8")
        process = subprocess.Popen(["nginx", "-c", str(conf), "-p", directory], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: answers(port), what="nginx answers")
            yield f"http://127.0.0.1:{port}/document.json"
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def rest_framework(site, token):
    """Django REST framework over the same table, with its own token table, by gunicorn with a worker a core."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-w", str(os.cpu_count()), "-b", f"127.0.0.1:{port}", "--log-level", "error",
         "peer_rest:application"], cwd=pathlib.Path(__file__).parent,
        env={**os.environ, "PEER_DATABASE_URL": site.database_url, "PEER_TOKEN": token}, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port), 60, "Django answers")
        yield f"http://127.0.0.1:{port}{status_path(73)}"
    finally:
        process.terminate()
        process.wait()


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


@contextlib.contextmanager
def changing(site, company, rate=10):
    """One of the company's rows changes so many times a second."""
    over = threading.Event()
    database = Database(site.database_url)

    def change():
        number, due = 0, time.monotonic()
        while not over.is_set():
            number += 1
            database.execute(f"UPDATE {TRACKERS} SET progress_value = %s, progress_at = now(), alive_at = now() "
                             "WHERE task_id = %s", (number % 100, f"running-{company}"))
            due += 1 / rate
            over.wait(max(0, due - time.monotonic()))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        database.close()


def onboarding(site, company):
    """A company's rows in the middle of its onboarding."""
    add_task(site, f"running-{company}", company, name="app.sync_sii_documents_task", received_at="2024-01-01Z",
             began_at="2024-01-01Z")
    for number in range(3):
        add_task(site, f"done-{company}-{number}", company, name="app.sync_sii_documents_task",
                 received_at="2024-01-01Z", began_at="2024-01-01Z", succeeded_at="2024-01-01 00:01Z")


def polls(benches):
    with benches.site() as site:
        server = serve(site)
        onboarding(site, 73)
        server.wait_for("event=changes_heard")
        ours, files, rest = [], [], []
        with changing(site, 73), nginx(server.ask().body) as file_url, rest_framework(site, server.token) as rest_url:
            for _ in range(RUNS):
                ours.append(requests_per_second(server.url + status_path(73), server.token))
                files.append(requests_per_second(file_url))
            rest.append(requests_per_second(rest_url, server.token))
        ours, files, rest = map(statistics.median, (ours, files, rest))
        return [("taskbridge-http ÷ nginx, requests/s", ours, files, ours / files, 0.8),
                ("taskbridge-http ÷ Django REST framework", ours, rest, ours / rest, 50)]


# ---- streams ----

class Watchers:
    """So many event streams from this process, read by epoll."""

    def __init__(self, server, count):
        parts = urlsplit(server.url)
        request = (f"GET {status_path(73)}stream HTTP/1.1\r\nHost: x\r\nAuthorization: Token {server.token}\r\n\r\n"
                   ).encode()
        self.epoll = select.epoll()
        self.sockets = {}
        for _ in range(count):
            connection = socket.create_connection((parts.hostname, parts.port))
            connection.sendall(request)
            self.sockets[connection.fileno()] = connection
            self.epoll.register(connection.fileno(), select.EPOLLIN)

    def seconds_until_all_have(self, mark, timeout=60):
        """From now until each has received these bytes."""
        began = time.monotonic()
        waiting = set(self.sockets)
        tails = dict.fromkeys(waiting, b"")
        while waiting:
            assert time.monotonic() - began < timeout, f"{len(waiting)} streams still wait"
            for descriptor, _ in self.epoll.poll(1):
                data = self.sockets[descriptor].recv(65536)
                assert data, "a stream ended"
                if descriptor in waiting:
                    tails[descriptor] = tails[descriptor][-len(mark):] + data
                    if mark in tails[descriptor]:
                        waiting.discard(descriptor)
        return time.monotonic() - began

    def close(self):
        for connection in self.sockets.values():
            connection.close()


def rss_bytes(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")).group(1)) * 1024


def streams(benches):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, STREAMS + 1000), hard))
    with benches.site() as site:
        site.config["http"] = {"max_connections": STREAMS + 100}
        server = serve(site)
        onboarding(site, 73)
        server.wait_for("event=changes_heard")
        server.ask()
        before = rss_bytes(server.pid)
        watchers = Watchers(server, STREAMS)
        watchers.seconds_until_all_have(b"\n\n")
        each = (rss_bytes(server.pid) - before) / STREAMS
        reached = []
        for value in (11, 22, 33):
            site.database.execute(f"UPDATE {TRACKERS} SET progress_value = %s, progress_at = now(), alive_at = now() "
                                  "WHERE task_id = 'running-73'", (value,))
            reached.append(watchers.seconds_until_all_have(f'"progress":{value}'.encode()))
        watchers.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return [(f"{STREAMS:,} streams: KiB each", each / 1024, None, each / 1024, -16),
            (f"{STREAMS:,} streams: seconds to reach all", max(reached), None, max(reached), -1)]


# ---- size ----

FILL = f"""INSERT INTO {TRACKERS} (task_id, name, name_at, registered_company, received_at, began_at, succeeded_at, created_at)
SELECT %s || n, 'app.sync_sii_documents_task', at, (n %% %s + 1000)::text, at, at, CASE WHEN n %% 50 > 0 THEN at END, at
FROM generate_series(1, %s) n, LATERAL (SELECT now() - n * interval '10 us' AS at) stamps"""


def median_ms(server, paths):
    """Of documents that nobody has asked for yet."""
    times = []
    for path in paths:
        began = time.perf_counter()
        assert server.ask(path).status == 200
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def sized(benches, rows, companies):
    with benches.site() as site:
        server = serve(site)
        site.database.execute(FILL, ("t", companies, rows))
        site.database.execute("INSERT INTO company_members SELECT 'ana', (n + 1000)::text FROM generate_series(0, 99) n")
        site.database.execute(f"VACUUM ANALYZE {TRACKERS}")
        server.wait_for("event=changes_heard")
        server.ask(status_path(1099))
        return median_ms(server, [status_path(1000 + number) for number in range(99)])


def size(benches):
    large, small = sized(benches, ROWS, ROWS // 100), sized(benches, ROWS // 100, ROWS // 10000)
    return [(f"a document at {ROWS:,} rows ÷ at {ROWS // 100:,}, ms", large, small, large / small, -1.2)]


def p99_ms(server, path, seconds):
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        status = server.ask(path).status
        assert status == 200, status
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(0.01)
    return sorted(times)[int(len(times) * 0.99)]


def neighbour(benches):
    with benches.site() as site:
        server = serve(site)
        add_company(site, 74, "Large")
        allow(site, "ana", 74)
        onboarding(site, 73)
        onboarding(site, 74)
        server.wait_for("event=changes_heard")
        with changing(site, 73, 2):
            alone = p99_ms(server, status_path(73), SECONDS)
        site.database.execute(FILL.replace("(n %% %s + 1000)::text", "(74 + 0 * %s)::text"), ("large", 1, ROWS))
        site.database.execute(f"VACUUM ANALYZE {TRACKERS}")
        tabs = subprocess.Popen(["wrk", "-t1", "-c50", f"-d{SECONDS + 3:.0f}s", "-H", f"Authorization: Token {server.token}",
                                 "-s", str(pathlib.Path(__file__).with_name("tabs.lua")), server.url + status_path(74)],
                                stdout=subprocess.DEVNULL)
        try:
            with changing(site, 73, 2), changing(site, 74, 2):
                beside = p99_ms(server, status_path(73), SECONDS)
        finally:
            tabs.wait()
        return [(f"p99 beside a company of {ROWS:,} rows and 50 tabs ÷ alone, ms", beside, alone, beside / alone, -2)]


PARTS = {"poll": polls, "streams": streams, "size": size, "neighbour": neighbour}


def main():
    names = sys.argv[1:] or list(PARTS)
    lines = []
    with bench.benches() as benches:
        for name in names:
            lines += PARTS[name](benches)
    print(f"{'HTTP':<66}{'here':>10}{'peer':>10}{'ratio':>8}{'to reach':>10}")
    for title, here, peer, ratio, wanted in lines:
        shown = f"{peer:>10,.1f}" if peer is not None else f"{'':>10}"
        print(f"{title:<66}{here:>10,.1f}{shown}{ratio:>8.2f}{('≤ ' if wanted < 0 else '≥ ') + f'{abs(wanted):g}':>10}")
    bench.save("http", [dict(zip(("what", "here", "peer", "ratio", "wanted"), line)) for line in lines])
    return 0 if all(ratio <= -wanted if wanted < 0 else ratio >= wanted for *_, ratio, wanted in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
