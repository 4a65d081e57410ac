"""One program that runs beside a test, and must end as it should."""

import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess

from .stack import ROOT
from .waiting import wait_until

# What sanitizers and scripts/test tell the programs, beside what a test does.
PASSED_ON = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "TB_TEST_RUN", "TZ")


def free_port():
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Programs:
    """Where the present test's programs are, if elsewhere than everybody's (tests/conftest.py)."""

    directory = None


def program(name):
    """The command that runs one of the project's programs, out of TASKBRIDGE_PROGRAMS or the newest usual build.
    TASKBRIDGE_WRAPPER stands before it: a valgrind, for example."""
    given = Programs.directory or os.environ.get("TASKBRIDGE_PROGRAMS")
    places = [pathlib.Path(given).resolve()] if given else [ROOT / "build" / preset for preset in ("dev", "release")]
    found = [place / name for place in places if (place / name).exists()]
    assert found, f"{name} is in none of {[str(place) for place in places]}: build it first"
    newest = max(found, key=lambda path: path.stat().st_mtime)
    return [*shlex.split(os.environ.get("TASKBRIDGE_WRAPPER", "")), str(newest)]


def base_environment(**variables):
    """What a program sees of the environment; a value of None takes a variable away."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent"}
    environment.update({name: os.environ[name] for name in PASSED_ON if name in os.environ})
    environment.update(variables)
    return {name: str(value) for name, value in environment.items() if value is not None}


def log_line(line):
    """A line of a program's log, which is text or JSON."""
    try:
        return json.loads(line) if line.startswith("{") else line
    except ValueError:
        return line


def is_about(line, fields):
    if isinstance(line, dict):
        return all(line.get(name) == value for name, value in fields.items())
    return all(re.search(rf' {name}="?{re.escape(str(value))}(?="| |$)', line) for name, value in fields.items())


class Process:
    """Started at once. At the test's end it is told to end, and must exit with 0, unless the test ended it itself."""

    def __init__(self, name, command, environment, directory, killable=False):
        self.name = name
        self.log = pathlib.Path(directory) / f"{name}.log"
        # A worker of Celery is killed at the end, for its own end takes seconds and is not what is tested.
        self.killable = killable
        self.expected = None
        with open(self.log, "wb") as log:
            # A group of its own, that its children end with it.
            self.popen = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          cwd=directory, start_new_session=True)

    @property
    def pid(self):
        return self.popen.pid

    def output(self):
        """All it has written so far, to either stream."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def is_running(self):
        return self.popen.poll() is None

    def wait_for(self, text, timeout=20, count=1):
        """Until it has written this, so many times."""
        self.wait_until(lambda: self.output().count(text) >= count, timeout, f"{self.name} writes {text!r}")

    def events(self, name, **fields):
        """The lines of its log so far that are about this event and have these fields: dicts, or as they are written."""
        return [line for line in map(log_line, self.output().splitlines()) if is_about(line, {"event": name, **fields})]

    def wait_for_event(self, name, timeout=20, count=1, **fields):
        """Until its log has told of this event, with these fields, so many times."""
        what = f"{self.name} tells {count} times of {name} {fields or ''}"
        self.wait_until(lambda: len(self.events(name, **fields)) >= count, timeout, what)

    def wait_until(self, predicate, timeout=20, what="what the test waits for"):
        """As wait_until, but over when the process is."""

        def true_or_dead():
            return predicate() or (not self.is_running() and "dead")

        value = wait_until(true_or_dead, timeout, what)
        assert value != "dead", f"{self.name} ended with {self.popen.returncode} before: {what}\n{self.output()}"
        return value

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, timeout=20):
        """Its exit code, once it has ended, which the test thereby has looked at: negative for a signal."""
        try:
            self.expected = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout} s\n{self.output()}") from None
        return self.expected

    def terminate(self, timeout=40, code=0):
        """SIGTERM; it must end with this code."""
        self.signal(signal.SIGTERM)
        ended = self.wait(timeout)
        assert ended == code, f"{self.name} ended with {ended}, not {code}\n{self.output()}"

    def kill(self):
        """SIGKILL, also to its children."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.wait()

    def stop(self):
        """SIGSTOP: alive, and doing nothing until cont()."""
        self.signal(signal.SIGSTOP)

    def cont(self):
        self.signal(signal.SIGCONT)

    def close(self):
        """The end of the test."""
        if self.expected is not None:
            return
        if self.killable:
            self.kill()
            return
        died = self.popen.poll()
        assert died is None, f"{self.name} ended by itself with {died}\n{self.output()}"
        try:
            self.cont()
            self.terminate()
        finally:
            if self.is_running():
                self.kill()
