"""What the benchmarks share: servers of their own, a site with a backlog, numbers into build/bench."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from harness import Database, Site, Stack  # noqa: E402
from harness.database import create_database, drop_database, with_database  # noqa: E402
from harness.process import base_environment, program  # noqa: E402

# As a daemon declares it (amqp/topology.c), so that a backlog can wait before the first one starts.
QUEUE_ARGUMENTS = {"x-queue-type": "quorum", "x-max-length-bytes": 2 * 1024**3, "x-overflow": "drop-head"}
QUIET = {"TASKBRIDGE_MAINTENANCE_ENABLED": "false"}


class Bench:
    """Servers for the whole benchmark, and a migrated database that sites are copied from."""

    def __init__(self):
        self.stack = Stack()
        self.admin = Database(self.stack.admin_url)
        self.template = f"bench-template-{os.getpid()}"
        create_database(self.admin, self.template)
        url = with_database(self.stack.database_url, self.template)
        subprocess.run([*program("taskbridge"), "migrate"], check=True, timeout=120, stdout=subprocess.DEVNULL,
                       env=base_environment(TASKBRIDGE_DATABASE_URL=url, TASKBRIDGE_AMQP_URL=self.stack.amqp_url))

    @contextlib.contextmanager
    def site(self):
        with tempfile.TemporaryDirectory() as directory:
            site = Site(self.stack, self.admin, directory, self.template)
            try:
                yield site
            finally:
                site.close()

    def checkpoint(self):
        """What earlier runs wrote is on the disk before the next is measured."""
        self.admin.execute("CHECKPOINT")

    def close(self):
        drop_database(self.admin, self.template)
        self.admin.close()
        self.stack.close()


@contextlib.contextmanager
def benches():
    bench = Bench()
    try:
        yield bench
    finally:
        bench.close()


def committed(site):
    """Events that daemons have committed."""
    return int(site.database.value("SELECT coalesce(sum(events), 0)::bigint FROM bridge_instances"))


def seconds_until(predicate, timeout):
    """How long it took from now until predicate was true."""
    began = time.monotonic()
    while not predicate():
        assert time.monotonic() - began < timeout, f"not within {timeout} s"
        time.sleep(0.01)
    return time.monotonic() - began


def peak_rss_mib(pid):
    """The greatest resident size that a process ever had."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no VmHWM")


def save(name, numbers):
    directory = ROOT / "build" / "bench"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
