"""scripts/stack: what newcomers and all other tests stand on."""

import os
import pathlib

import pytest

from harness import Database, Stack


def processes_with(text):
    """The command lines of the living processes that name this in their command line or environment."""
    found = []
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (directory / "cmdline").read_bytes()
            known = command + (directory / "environ").read_bytes()
        except OSError:
            continue
        if command and text.encode() in known and directory.name != str(os.getpid()):
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.fixture(scope="module")
def other(stack, tmp_path_factory):
    """A second stack beside the first, in a directory that PostgreSQL's own user may not enter if we are root."""
    servers = Stack(tmp_path_factory.mktemp("stacks") / "other")
    yield servers
    servers.close()


def test_two_stacks_share_neither_ports_nor_data(stack, other):
    names = ("TASKBRIDGE_STACK_AMQP_PORT", "TASKBRIDGE_STACK_POSTGRESQL_PORT")
    ports = {servers.environment[name] for servers in (stack, other) for name in names}
    assert len(ports) == 4
    other.add_vhost("only-here")
    assert "only-here" in other.rabbitmqctl("list_vhosts")
    assert "only-here" not in stack.rabbitmqctl("list_vhosts")


def test_stop_leaves_nothing_running_and_start_keeps_ports_and_data(other):
    Database(other.database_url).execute("CREATE TABLE kept AS SELECT 42 AS answer")
    before = other.command("env").stdout
    other.command("stop")
    assert processes_with(other.directory) == []
    assert other.command("status", check=False).returncode == 1
    other.command("stop")
    other.command("start")
    assert other.command("env").stdout == before
    assert Database(other.database_url).value("SELECT answer FROM kept") == 42


def test_remove_leaves_neither_files_nor_processes(other):
    places = [other.environment[name] for name in ("TASKBRIDGE_STACK_POSTGRESQL_DIR", "TASKBRIDGE_STACK_DIR")]
    assert all(pathlib.Path(place).exists() for place in places)
    other.command("remove")
    assert not any(pathlib.Path(place).exists() for place in places)
    assert processes_with(other.directory) == []
    assert list(pathlib.Path(other.directory).parent.iterdir()) == []


def test_a_stack_that_was_never_started_is_told_apart(tmp_path):
    servers = Stack.__new__(Stack)
    servers.directory = str(tmp_path / "none")
    for command in ("status", "env"):
        done = servers.command(command, check=False)
        assert done.returncode == 1
        assert "start it with scripts/stack start" in done.stderr
    assert servers.command("stop").stderr == ""
    assert not pathlib.Path(servers.directory).exists()


def test_unknown_commands_are_refused_with_the_usage(stack):
    done = stack.command("begin", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: scripts/stack start")
    assert stack.command("start", "mysql", check=False).returncode == 2


def test_nothing_listens_beyond_the_loopback(stack):
    ports = {format(int(stack.environment[name]), "04X")
             for name in ("TASKBRIDGE_STACK_AMQP_PORT", "TASKBRIDGE_STACK_POSTGRESQL_PORT")}
    listening = [line.split()[1] for file in ("/proc/net/tcp", "/proc/net/tcp6")
                 for line in pathlib.Path(file).read_text(encoding="ascii").splitlines()[1:] if line.split()[3] == "0A"]
    ours = [address for address in listening if address.rpartition(":")[2] in ports]
    assert len(ours) == 2
    assert {address.rpartition(":")[0] for address in ours} == {"0100007F"}
