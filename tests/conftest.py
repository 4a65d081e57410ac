"""Fixtures of all pytest tests: one stack a process, one site a test. Nothing is started that no test asks for."""

import itertools
import os
import pathlib
import subprocess
import sys

import pytest

# The tests' own statements name tables as the programs do; the programs, whose environment is made anew, set their
# search_path themselves.
os.environ["PGOPTIONS"] = "-c search_path=taskbridge,public"

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "integration"))

from harness import Database, Site, Stack  # noqa: E402
from harness.database import create_database, drop_database, with_database  # noqa: E402
from harness.process import Programs, base_environment, program  # noqa: E402

# The files that take longest, by what their tests wait for.
LONGEST = ("test_liveness", "test_doctor", "test_database_hosts", "test_broker_outages", "test_broker_reach", "test_run",
           "test_worker", "test_upgrade", "test_capture_workers", "test_maintenance")

# Of a process that a failed test ran, so much of the end is shown.
SHOWN = 8000


@pytest.fixture(scope="session")
def stack():
    """The private servers."""
    servers = Stack()
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def admin(stack):
    """The superuser's connection to PostgreSQL."""
    database = Database(stack.admin_url)
    yield database
    database.close()


@pytest.fixture(scope="session")
def template(stack, admin):
    """The name of a database that `taskbridge migrate` has been run on once."""
    name = f"template-{os.getpid()}"
    drop_database(admin, name)
    create_database(admin, name)
    url = with_database(stack.database_url, name)
    done = subprocess.run([*program("taskbridge"), "migrate"], text=True, check=False, timeout=120,
                          env=base_environment(TASKBRIDGE_DATABASE_URL=url, TASKBRIDGE_AMQP_URL=stack.amqp_url),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"taskbridge migrate: {done.stdout}"
    yield name
    drop_database(admin, name)


@pytest.fixture
def site(stack, admin, template, tmp_path):
    """A virtual host, a migrated database and what a test starts there."""
    place = Site(stack, admin, tmp_path, template)
    yield place
    place.close()


@pytest.fixture
def bare_site(stack, admin, tmp_path):
    """The same with an empty database."""
    place = Site(stack, admin, tmp_path)
    yield place
    place.close()


@pytest.fixture
def another_site(stack, admin, template, tmp_path):
    """A function that makes further sites."""
    numbers = itertools.count(1)
    places = []

    def make():
        directory = tmp_path / f"another-{next(numbers)}"
        directory.mkdir()
        places.append(Site(stack, admin, directory, template))
        return places[-1]

    yield make
    for place in places:
        place.close()


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitized: its programs are those of the build with ASan and UBSan")


def pytest_collection_modifyitems(items):
    """Files that take minutes come first, for the processes that share them out each take a whole one."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


def pytest_runtest_setup(item):
    """Part of the tests drives programs that look at their own memory and arithmetic: where scripts/test has built some."""
    sanitized = item.get_closest_marker("sanitized") and os.environ.get("TASKBRIDGE_SANITIZED_PROGRAMS")
    Programs.directory = sanitized or None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Shows what a failed test's processes wrote."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and report.when == "call":
        for name in ("site", "bare_site"):
            place = item.funcargs.get(name) if hasattr(item, "funcargs") else None
            for process, output in (place.outputs() if place else {}).items():
                report.sections.append((process, output[-SHOWN:]))
