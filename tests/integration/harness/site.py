"""One test's place: a virtual host, a database, a configuration, and what runs there."""

import collections
import itertools
import json
import os
import pathlib
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import yaml

from .broker import Broker
from .database import Database, create_database, drop_database, with_database
from .http import Http
from .process import Process, base_environment, free_port, program
from .proxy import Proxy
from .stack import ROOT

NUMBERS = itertools.count(1)
CELERY = ROOT / "scripts" / "celery"

# The four onboarding tasks' rules, as the sample configuration has them.
TASKS = [
    {"match": "*create_processes_from_taxpayer_settings", "display_name": "Creando procesos tributarios",
     "company": {"kwarg": "company_id"}},
    {"match": "*sync_sii_documents_task", "display_name": "Sincronizando documentos SII",
     "company": {"kwarg": "company_id"}},
    {"match": "*sync_sii_documents_full_history_task", "display_name": "Sincronizando historial completo de documentos",
     "company": {"kwarg": "company_id"}},
    {"match": "*sync_all_historical_forms_task", "display_name": "Sincronizando formularios históricos",
     "company": {"kwarg": "company_id"}},
]


class Site:
    """template is the name of a migrated database, or None for an empty one."""

    def __init__(self, stack, admin, directory, template=None):
        self.stack = stack
        self.admin = admin
        self.directory = pathlib.Path(directory)
        self.name = f"site-{os.getpid()}-{next(NUMBERS)}"
        self.processes = []
        self.proxies = []
        self.counts = collections.Counter()
        stack.add_vhost(self.name)
        create_database(admin, self.name, template or "template1")
        parts = urlsplit(stack.amqp_url)
        self.amqp_url = urlunsplit(parts._replace(path=f"/{self.name}"))
        self.database_url = with_database(stack.database_url, self.name)
        self.broker = Broker(stack, self.name, self.amqp_url)
        self.broker.declare_exchange()
        self.database = Database(self.database_url)
        self.config = {"tasks": json.loads(json.dumps(TASKS))}
        self.config_file = self.directory / "taskbridge.yaml"
        # Variables that every program started from here on gets, beside the URLs.
        self.variables = {}

    def write_config(self):
        """What self.config says now; each start of a program does it. At once, for another may be reading the file."""
        text = yaml.safe_dump(self.config, allow_unicode=True, sort_keys=False)
        fresh = self.directory / f"taskbridge.yaml.{next(NUMBERS)}"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self.config_file)

    def environment(self, **variables):
        """What the site's programs see."""
        return base_environment(**{"TASKBRIDGE_AMQP_URL": self.amqp_url, "TASKBRIDGE_AMQP_SOURCE": self.name,
                                   "TASKBRIDGE_DATABASE_URL": self.database_url,
                                   **self.variables, **variables})

    def spawn(self, name, command, environment, killable=False):
        """Any command, under a name of its own, until the test's end."""
        self.counts[name] += 1
        process = Process(f"{name}-{self.counts[name]}", command, environment, self.directory, killable)
        self.processes.append(process)
        return process

    def start_daemon(self, *arguments, wait=True, **variables):
        """A taskbridged; by default one that consumes when this returns."""
        self.write_config()
        before = self.broker.consumers() if wait else 0
        daemon = self.spawn("taskbridged", [*program("taskbridged"), "--config", str(self.config_file), *arguments],
                            self.environment(**variables))
        if wait:
            daemon.wait_until(lambda: self.broker.consumers() > before, 30, f"{daemon.name} consumes")
            # The broker knows it before the daemon does.
            if "TASKBRIDGE_LOG_LEVEL" not in {**self.variables, **variables}:
                daemon.wait_for_event("broker_connected", 30)
        return daemon

    def start_http(self, *arguments, wait=True, **variables):
        """A taskbridge-http on a port of its own, whose attribute http asks it; by default one that answers."""
        self.write_config()
        address = variables.setdefault("TASKBRIDGE_HTTP_LISTEN", f"127.0.0.1:{free_port()}")
        process = self.spawn("taskbridge-http",
                             [*program("taskbridge-http"), "--config", str(self.config_file), *arguments],
                             self.environment(**variables))
        process.url = f"http://{address}"
        process.http = Http(process.url)
        if wait:
            process.wait_until(process.http.answers, 30, f"{process.name} answers at {process.url}/healthz")
        return process

    def start_worker(self, app="demo.app", pool="prefork", *arguments, concurrency=2, name="worker", wait=True,
                     events=True, **variables):
        """A real Celery worker, by default with its events on."""
        command = [sys.executable, "-m", "celery", "-A", app, "worker", *(["-E"] if events else []), f"--pool={pool}",
                   f"--concurrency={concurrency}", "-n", f"{name}@%h", "--loglevel=info", *arguments]
        worker = self.spawn(name, command, self.python_environment(**variables), killable=True)
        if wait:
            worker.wait_for(" ready.", 60)
        return worker

    def python_environment(self, **variables):
        return self.environment(**{"PYTHONPATH": str(CELERY), "PYTHONUNBUFFERED": "1", "DEMO_SPEED": "20", **variables})

    def python(self, *arguments, check=True, timeout=60, **variables):
        """Runs Python where the demo app can be imported; returns what it printed."""
        done = subprocess.run([sys.executable, *arguments], env=self.python_environment(**variables), text=True,
                              cwd=self.directory, timeout=timeout, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        assert not check or done.returncode == 0, f"python3 {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def onboard(self, company, *arguments):
        """Starts an onboarding with the demo app; the four tasks' ids by the tasks' names."""
        return json.loads(self.python("-m", "demo.onboard", "--company", str(company), "--json", *arguments))

    def cli(self, *arguments, check=True, input=None, timeout=60, **variables):
        """Runs taskbridge; check is the exit code it must end with (True: 0), or False."""
        self.write_config()
        done = subprocess.run([*program("taskbridge"), "--config", str(self.config_file), *map(str, arguments)],
                              env=self.environment(**variables), text=True, input=input if input is not None else "",
                              cwd=self.directory, timeout=timeout, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False)
        if check is not False:
            wanted = 0 if check is True else check
            assert done.returncode == wanted, (f"taskbridge {' '.join(map(str, arguments))} ended with "
                                               f"{done.returncode}, not {wanted}\n{done.stdout}{done.stderr}")
        return done

    def proxy_to(self, url):
        """A proxy in front of one of the servers; proxy.url(url) leads through it."""
        proxy = Proxy.of(url)
        self.proxies.append(proxy)
        return proxy

    def outputs(self):
        """What each process has written, by its name."""
        return {process.name: process.output() for process in self.processes}

    def close(self):
        """Ends everything, then says what did not end well."""
        complaints = []
        for process in reversed(self.processes):
            try:
                process.close()
            except AssertionError as complaint:
                complaints.append(str(complaint))
        for proxy in self.proxies:
            proxy.close()
        self.broker.close()
        self.database.close()
        drop_database(self.admin, self.name)
        self.stack.delete_vhost(self.name)
        assert not complaints, "\n".join(complaints)
