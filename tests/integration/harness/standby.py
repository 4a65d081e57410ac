"""A PostgreSQL standby of the stack's server, on a port of its own."""

import os
import pathlib
import re
import subprocess

from .process import free_port

BINARIES = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))[-1]


class Standby:
    """Copied from the stack's server and started; it follows until it is closed."""

    def __init__(self, stack, name="standby"):
        home = pathlib.Path(stack.environment["TASKBRIDGE_STACK_POSTGRESQL_DIR"])
        self.name = name
        self.place, self.port = home / f"{name}-{os.getpid()}", free_port()
        self.run(BINARIES / "pg_basebackup", "-d", f"{stack.admin_url}?application_name={name}", "-D", self.place, "-R", "-c",
                 "fast", "--no-sync")
        self.start()

    @staticmethod
    def run(*command):
        as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run([*as_owner, *map(str, command)], cwd="/", check=True, timeout=120, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)

    def pg_ctl(self, *arguments):
        self.run(BINARIES / "pg_ctl", "-D", self.place, "-w", *arguments)

    def start(self):
        self.pg_ctl("-l", f"{self.place}.log", "-o",
                    f"-p {self.port} -c unix_socket_directories= -c cluster_name={self.name}", "start")

    def stop(self):
        self.pg_ctl("-m", "immediate", "stop")

    def promote(self):
        self.pg_ctl("promote")

    def url(self, url):
        """The server's URL, for the standby."""
        return re.sub(r"@127\.0\.0\.1:\d+/", f"@127.0.0.1:{self.port}/", url)

    def close(self):
        try:
            self.stop()
        except subprocess.CalledProcessError:
            pass
        self.run("rm", "-rf", self.place, f"{self.place}.log")
