"""PostgreSQL is upgraded under a living installation: its dump, restored into a newer version, goes on where it was.

The old one is another version that is installed here, or one of another machine: TASKBRIDGE_OLD_DUMP is what upgrade.py
left there, as scripts/test debian13 brings it along.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from events import publish_lines, wait_until_settled
from harness.database import with_database
from test_capture_workers import CHUNKS, LIVES, complaints, events_of
from upgrade import halves, tool, version_of


@pytest.fixture
def old(tmp_path, admin):
    """The directory with an older version's dump."""
    given = os.environ.get("TASKBRIDGE_OLD_DUMP")
    if given:
        return pathlib.Path(given)
    newest = version_of(admin)
    older = [path for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()
             and int(path.parent.name) < newest]
    if not older:
        pytest.skip("one version of PostgreSQL is installed, and no dump of an older one is given")
    environment = {**os.environ, "TASKBRIDGE_STACK_DIR": str(tmp_path / "stack"),
                   "TASKBRIDGE_POSTGRESQL_BIN": str(min(older, key=lambda path: int(path.parent.name)))}
    environment.pop("PYTEST_XDIST_WORKER", None)
    subprocess.run([sys.executable, pathlib.Path(__file__).with_name("upgrade.py"), tmp_path / "dump"], check=True,
                   env=environment, timeout=300)
    return tmp_path / "dump"


def restore(stack, database, version, path):
    done = subprocess.run([tool("psql", version), "-X", "-q", "-d", with_database(stack.admin_url, database), "-f", path],
                          text=True, capture_output=True, check=True, timeout=120,
                          env={**os.environ, "PGOPTIONS": "", "LC_ALL": "C"})
    return [line for line in done.stderr.splitlines() if "ERROR" in line]


def doctor(site):
    return {line["check"]: line for line in json.loads(site.cli("doctor", "--json", check=False).stdout)}


def test_an_installation_goes_on_in_a_newer_postgresql(bare_site, stack, admin, old):
    site = bare_site
    version = version_of(admin)
    assert int((old / "version").read_text(encoding="ascii")) < version
    refused = [line for line in restore(stack, site.name, version, old / "roles.sql") if "already exists" not in line]
    # 16 and later refuse the grants as older versions' own pg_dumpall writes them; their own writes them well.
    assert all("permission denied to grant privileges as role" in line for line in refused), refused
    assert restore(stack, site.name, version, old / "database.sql") == []
    before = site.database.rows()
    assert 0 < len(before) <= len(LIVES) + len(CHUNKS)

    site.config["tasks"] = [{"match": "*", "company": {"kwarg": "company_id"}}]
    site.config["maintenance"] = {"enabled": False}
    site.variables["TASKBRIDGE_DAEMON_INSTANCE"] = "upgraded"
    assert "nothing to do" in site.cli("migrate").stdout
    if refused:
        remedy = doctor(site)["reading"]["remedy"]
        assert remedy.startswith("GRANT taskbridge_reader TO "), "doctor misses what was refused"
        admin.execute(remedy)
    site.start_daemon()
    first, second = halves()
    # Some of what was written before the upgrade comes again.
    publish_lines(site, first[-10:] + second)
    wait_until_settled(site)
    rows, events = site.database.rows(), events_of(first + second)
    assert [complaint for task_id, wanted in LIVES.items()
            for complaint in complaints(events, rows[task_id], task_id, wanted)] == []
    server = site.start_http()
    assert server.http.get("/readyz").status == 200
    assert "Example Company" in site.cli("company", "list").stdout
    lines = doctor(site)
    checks = ("schema", "database rights", "roles", "reading")
    assert [lines[name] for name in checks if lines[name]["verdict"] != "good"] == []
