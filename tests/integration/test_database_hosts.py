"""Where database.url may lead: hosts that are silent, names of several addresses, poolers, other encodings, DDL while a
program runs. Failover does not end at a silent host, and what can't work is said at once, in words."""

import json
import os
import pathlib
import socket
import subprocess
from urllib.parse import urlsplit

import pytest

from events import wait_until_settled
from harness import wait_until
from harness.database import create_database, drop_database, with_database
from harness.process import free_port, program
from test_dead_letters import started


@pytest.fixture(autouse=True)
def without_maintenance(site):
    """These tasks lived in another year, and their worker beats no heart."""
    site.config["maintenance"] = {"enabled": False}


@pytest.fixture
def silent():
    """Makes hosts that accept and say nothing; each gives its port, at the address and port asked for."""
    sockets = []

    def listen(address="127.0.0.1", port=0):
        sockets.append(socket.create_server((address, port), backlog=64))
        return sockets[-1].getsockname()[1]

    yield listen
    for one in sockets:
        one.close()


def with_hosts(site, hosts, query=""):
    """The site's database URL with other hosts."""
    parts = urlsplit(site.database_url)
    return f"postgresql://{parts.username}:{parts.password}@{hosts}{parts.path}{query}"


def port_of(site):
    return urlsplit(site.database_url).port


def use(site, url):
    site.database_url = url
    site.config["database"] = {"connect_timeout_s": 4}


def check_everything_works(site):
    """The daemon writes, the HTTP module answers, the commands come through."""
    site.start_daemon()
    site.broker.publish(started(uuid="t1", company_id=73), "task.started")
    wait_until_settled(site)
    assert set(site.database.rows()) == {"t1"}
    http = site.start_http()
    wait_until(lambda: http.http.get("/readyz").status == 200, 30, "the HTTP module has the database")
    assert site.cli("status", "--json", timeout=30).returncode == 0
    lines = {line["check"]: line for line in json.loads(site.cli("doctor", "--json", check=False, timeout=30).stdout)}
    assert lines["database"]["verdict"] == "good", lines["database"]


def test_behind_a_silent_host_the_next_is_used(site, silent):
    use(site, with_hosts(site, f"127.0.0.1:{silent()},127.0.0.1:{port_of(site)}"))
    check_everything_works(site)


def test_behind_a_silent_address_of_a_name_the_next_is_used(site, silent):
    silent("127.0.0.9", port_of(site))
    site.variables.update(LD_PRELOAD=str(pathlib.Path(program("tests/names.so")[-1])),
                          TB_NAMES="several=127.0.0.9,127.0.0.1")
    use(site, with_hosts(site, f"several:{port_of(site)}"))
    check_everything_works(site)


def test_behind_a_name_that_nobody_answers_for_the_next_is_used(site):
    site.variables.update(LD_PRELOAD=str(pathlib.Path(program("tests/names.so")[-1])), TB_NAMES="slow=30s")
    use(site, with_hosts(site, f"slow:{port_of(site)},127.0.0.1:{port_of(site)}"))
    check_everything_works(site)


def test_a_slow_name_keeps_nobody_waiting(site):
    """/healthz answers, and SIGTERM is obeyed, while a name is looked up."""
    site.variables.update(LD_PRELOAD=str(pathlib.Path(program("tests/names.so")[-1])), TB_NAMES="slow=60s")
    use(site, with_hosts(site, f"slow:{port_of(site)}"))
    daemon = site.start_daemon(wait=False)
    http = site.start_http()
    daemon.wait_for("what address the name slow has", 30)
    assert http.http.get("/healthz").status == 200
    daemon.terminate(timeout=10)
    http.terminate(timeout=10)


def test_all_silent_is_told_with_each_name(site, silent):
    first, second = silent(), silent()
    use(site, with_hosts(site, f"127.0.0.1:{first},localhost:{second}"))
    done = site.cli("status", check=1, timeout=30)
    assert "no answer from 127.0.0.1 within 2 s; no answer from localhost (127.0.0.1) within 2 s" in done.stderr


def test_the_urls_own_timeout_is_each_hosts(site, silent):
    use(site, with_hosts(site, f"127.0.0.1:{silent()}", "?connect_timeout=1"))
    assert "no answer from 127.0.0.1 within 1 s" in site.cli("status", check=1, timeout=30).stderr


def test_target_session_attrs_are_libpqs(site):
    port = port_of(site)
    use(site, with_hosts(site, f"127.0.0.1:{port}", "?target_session_attrs=standby"))
    assert "server is not in hot standby mode" in site.cli("status", check=1).stderr
    use(site, with_hosts(site, f"127.0.0.1:{port},127.0.0.1:{port}", "?target_session_attrs=prefer-standby"))
    assert site.cli("status").returncode == 0


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_event_is_refused(site, admin, encoding):
    name = f"{site.name}-{encoding}"
    admin.execute(f"CREATE DATABASE \"{name}\" OWNER taskbridge ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        use(site, with_database(site.database_url, name))
        said = f"the database is encoded {encoding}, which can't hold every event"
        for command in ("migrate", "status", "check"):
            assert said in site.cli(command, check=1).stderr
        lines = json.loads(site.cli("doctor", "--json", check=1).stdout)
        (line,) = [line for line in lines if line["check"] == "database"]
        assert line["verdict"] == "bad" and said in line["found"]
        daemon = site.start_daemon(wait=False)
        daemon.wait_for(said)
        daemon.terminate()
        assert "ENCODING" in said or "TEMPLATE template0" in daemon.output()
    finally:
        drop_database(admin, name)


class Pooler:
    """A PgBouncer before the site's database, as whoever owns this checkout may run it."""

    def __init__(self, site, mode, size=10):
        parts = urlsplit(site.database_url)
        self.port = free_port()
        directory = site.directory / f"pgbouncer-{mode}"
        directory.mkdir()
        (directory / "users").write_text(f'"{parts.username}" "{parts.password}"\n', encoding="utf-8")
        (directory / "ini").write_text(f"""
[databases]
* = host=127.0.0.1 port={parts.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = plain
auth_file = {directory}/users
pool_mode = {mode}
default_pool_size = {size}
logfile = {directory}/log
pidfile = {directory}/pid
""", encoding="utf-8")
        subprocess.run(["chown", "-R", "postgres", directory], check=os.geteuid() == 0)
        command = ["/usr/sbin/pgbouncer", str(directory / "ini")]
        if os.geteuid() == 0:
            command[1:1] = ["-u", "postgres"]
        self.process = site.spawn("pgbouncer", command, site.environment(), killable=True)
        self.process.wait_until(self.answers, 20, "the pooler listens")

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def open_up(directory):
    """So that another user's process gets there."""
    for place in [directory, *directory.parents]:
        if place.stat().st_mode & 0o001 == 0:
            place.chmod(place.stat().st_mode | 0o011)


def test_a_pooler_in_session_mode_is_as_good_as_none(site):
    open_up(site.directory)
    pooler = Pooler(site, "session", size=20)
    use(site, with_hosts(site, f"127.0.0.1:{pooler.port}"))
    check_everything_works(site)


def test_a_pooler_in_session_mode_with_one_session_works_too(site):
    open_up(site.directory)
    pooler = Pooler(site, "session", size=1)
    use(site, with_hosts(site, f"127.0.0.1:{pooler.port}"))
    assert site.cli("status").returncode == 0


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_that_shares_sessions_is_named_at_once(site, mode):
    open_up(site.directory)
    pooler = Pooler(site, mode)
    use(site, with_hosts(site, f"127.0.0.1:{pooler.port}"))
    said = "a pooler in transaction mode answers"
    for command in ("migrate", "status", "check"):
        done = site.cli(command, check=1)
        assert said in done.stderr and "pool_mode = session" in done.stderr
    lines = json.loads(site.cli("doctor", "--json", check=1).stdout)
    (line,) = [line for line in lines if line["check"] == "database"]
    assert line["verdict"] == "bad" and said in line["found"]
    daemon = site.start_daemon(wait=False)
    daemon.wait_for(said)
    http = site.start_http()
    http.wait_for(said)
    assert http.http.get("/readyz").status == 503
    # And nothing of ours was set in sessions that are others' too.
    assert site.database.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%%enable_seqscan%%' "
                               "AND pid <> pg_backend_pid()") == []


def test_ddl_under_a_running_server_costs_one_retry(site):
    site.cli("company", "add", 73, "Example Company")
    token = site.cli("token", "create", "--user", "ana", "--company", 73).stdout.split()[-1]
    http = site.start_http()

    def name():
        answer = http.http.get("/api/v1/companies/73/task_status/", headers={"Authorization": f"Token {token}"})
        return answer.status, answer.json().get("company_name") if answer.status == 200 else None

    wait_until(lambda: name() == (200, "Example Company"), 20, "the company is served")
    for kind in ("varchar(200)", "text", "varchar(300)"):
        site.database.execute(f"ALTER TABLE companies ALTER name TYPE {kind}")
        assert [name() for _ in range(3)] == [(200, "Example Company")] * 3
