"""The private RabbitMQ and PostgreSQL of this pytest process, driven through scripts/stack."""

import os
import pathlib
import shlex
import subprocess
from urllib.parse import urlsplit

from .shell import Shell

ROOT = pathlib.Path(__file__).resolve().parents[3]


def stack_directory():
    """Where scripts/test wants it, one for each process that shares the tests out; else one for this process."""
    given = os.environ.get("TASKBRIDGE_STACK_DIR")
    process = os.environ.get("PYTEST_XDIST_WORKER")
    if not given:
        return ROOT / "build" / f"stack-{os.getpid()}"
    return f"{given}-{process}" if process else given


class Stack:
    """Starts what is not running. Servers that ran already are left running and keep their data at the end."""

    def __init__(self, directory=None):
        self.directory = str(directory or stack_directory())
        self.found_running = self.command("status", check=False).returncode == 0
        self.command("start")
        self.load_urls()
        self.shell = Shell(self.rabbitmqctl)

    def command(self, *arguments, check=True, timeout=240):
        """Runs scripts/stack with these."""
        environment = {**os.environ, "TASKBRIDGE_STACK_DIR": self.directory}
        done = subprocess.run([ROOT / "scripts" / "stack", *arguments], env=environment, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert not check or done.returncode == 0, f"scripts/stack {arguments}: {done.stdout}{done.stderr}"
        return done

    def load_urls(self):
        lines = self.command("env").stdout.splitlines()
        self.environment = dict(shlex.split(line)[1].split("=", 1) for line in lines)
        self.amqp_url = self.environment["TASKBRIDGE_AMQP_URL"]
        self.database_url = self.environment["TASKBRIDGE_DATABASE_URL"]
        self.admin_url = self.environment["TASKBRIDGE_STACK_ADMIN_URL"]
        self.amqp_port = urlsplit(self.amqp_url).port
        self.postgresql_port = urlsplit(self.database_url).port

    def start(self, server):
        """server is rabbitmq or postgresql, here and below."""
        self.command("start", server)

    def stop(self, server):
        self.command("stop", server)

    def kill(self, server):
        """As a power failure would. RabbitMQ 3.10 writes the name of a new quorum queue with half a second's delay, and
        finds no leader for it ever again if it is killed before; that flaw is not what is tested here."""
        if server == "rabbitmq":
            self.evaluate("[dets:sync(Table) || Table <- dets:all()].")
        self.command("kill", server)

    def restart(self, server):
        self.stop(server)
        self.start(server)

    def rabbitmqctl(self, *arguments):
        return self.command("rabbitmqctl", "-q", *arguments).stdout

    def evaluate(self, expressions):
        """What rabbitmqctl eval prints of these, without its start."""
        return self.shell.evaluate(expressions)

    def evaluate_json(self, expressions):
        return self.shell.evaluate_json(expressions)

    def add_vhost(self, name):
        """A virtual host that the stack's own user may do everything in."""
        self.evaluate(f'rabbit_vhost:add(<<"{name}">>, <<"tests">>).')
        self.permit("taskbridge", name, ".*", ".*", ".*")

    def delete_vhost(self, name):
        self.evaluate(f'rabbit_vhost:delete(<<"{name}">>, <<"tests">>).')

    def add_user(self, name, vhost, *patterns):
        """A user of RabbitMQ with the password secret, who may (configure, write, read) what the patterns match."""
        self.evaluate(f'rabbit_auth_backend_internal:add_user(<<"{name}">>, <<"secret">>, <<"tests">>).')
        self.permit(name, vhost, *patterns)

    def permit(self, name, vhost, *patterns):
        written = ", ".join('<<"' + pattern.replace("\\", "\\\\") + '">>' for pattern in patterns)
        self.evaluate(f'rabbit_auth_backend_internal:set_permissions(<<"{name}">>, <<"{vhost}">>, {written}, '
                      '<<"tests">>).')

    def delete_user(self, name):
        self.evaluate(f'rabbit_auth_backend_internal:delete_user(<<"{name}">>, <<"tests">>).')

    def close(self):
        self.shell.close()
        if not self.found_running:
            self.command("remove")
