"""upgrade.py DIRECTORY: an installation that lives, on whatever PostgreSQL the stack starts, and its dump.

A daemon writes the first half of a capture; then DIRECTORY gets roles.sql and database.sql, made with that PostgreSQL's
own tools, and a file that tells its version. test_upgrade.py restores them into a newer one.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from events import lines_of, publish_lines, wait_until_settled
from harness import Database, Site, Stack
from harness.database import with_database

CAPTURE = "celery-5.6-lives.ndjson"


def halves():
    lines = lines_of(CAPTURE)
    return lines[:len(lines) // 2], lines[len(lines) // 2:]


def tool(name, version):
    return f"/usr/lib/postgresql/{version}/bin/{name}"


def version_of(database):
    return int(database.value("SHOW server_version_num")) // 10000


def live(site):
    """Half of what is to come is written, with a company that has a name and a token."""
    site.config["tasks"] = [{"match": "*", "company": {"kwarg": "company_id"}}]
    site.config["maintenance"] = {"enabled": False}
    site.cli("migrate")
    site.cli("company", "add", "73", "Example Company")
    site.variables["TASKBRIDGE_DAEMON_INSTANCE"] = "upgraded"
    daemon = site.start_daemon()
    publish_lines(site, halves()[0])
    wait_until_settled(site)
    daemon.terminate()


def dump(stack, database, directory):
    version = version_of(Database(stack.admin_url))
    for name, command in {"roles.sql": ["pg_dumpall", "--roles-only", "--no-role-passwords", "-d", stack.admin_url],
                          "database.sql": ["pg_dump", "-d", with_database(stack.admin_url, database)]}.items():
        with open(directory / name, "wb") as file:
            subprocess.run([tool(command[0], version), *command[1:]], stdout=file, check=True, timeout=60)
    (directory / "version").write_text(str(version), encoding="ascii")


def main(directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    os.environ["PGOPTIONS"] = "-c search_path=taskbridge,public"
    stack = Stack()
    try:
        with tempfile.TemporaryDirectory() as place:
            site = Site(stack, Database(stack.admin_url), place)
            try:
                live(site)
                dump(stack, site.name, directory)
            finally:
                site.close()
    finally:
        stack.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
