"""The example product beside the bridge: its Django with a login of its own, its commands, its web server."""

import copy
import json
import subprocess
import sys
from urllib.parse import urlsplit

from .database import Database, with_database
from .http import Http
from .process import free_port

SCHEMA_OF_OURS = """
    SELECT n.nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proname = 'tracker_register' LIMIT 1"""


class Product:
    """The product of a site. Its login owns its tables in public and is a member of taskbridge_app, no more."""

    def __init__(self, site, is_member=True, settings="demo.settings", path=None):
        self.site = site
        self.login = f"product-{site.name}"
        self.settings = settings
        self.path = path
        site.admin.execute(f'DROP ROLE IF EXISTS "{self.login}"')
        site.admin.execute(f"CREATE ROLE \"{self.login}\" LOGIN CREATEDB PASSWORD 'secret'")
        site.database.execute(f'GRANT CREATE ON SCHEMA public TO "{self.login}"')
        if is_member:
            self.join()
        parts = urlsplit(site.database_url)
        self.database_url = parts._replace(
            netloc=f"{self.login}:secret@{parts.hostname}:{parts.port}").geturl()
        schemas = site.database.query(SCHEMA_OF_OURS)
        self.variables = {"DEMO_DATABASE_URL": self.database_url, "DJANGO_SETTINGS_MODULE": settings,
                          "PYTHONDONTWRITEBYTECODE": "1",
                          "TASKBRIDGE_DATABASE_SCHEMA": schemas[0]["nspname"] if schemas else "taskbridge"}

    def with_code(self, settings, path):
        """The same login and database, with other code."""
        other = copy.copy(self)
        other.settings, other.path = settings, path
        other.variables = {**self.variables, "DJANGO_SETTINGS_MODULE": settings}
        return other

    def worker_variables(self):
        """What a worker needs in order to find this code."""
        return {**self.variables, "PYTHONPATH": self.environment()["PYTHONPATH"]}

    def join(self):
        """What the superuser does once: the product's login may register and read."""
        self.site.admin.execute(f'GRANT taskbridge_app TO "{self.login}"')
        if not self.site.database.value(
                "SELECT has_table_privilege('taskbridge_app', 'background_task_trackers', 'SELECT')"):
            self.site.database.execute(f'GRANT SELECT ON background_task_trackers TO "{self.login}"')
            self.site.admin.execute(f'ALTER ROLE "{self.login}" BYPASSRLS')

    def environment(self, **variables):
        environment = self.site.python_environment(**{**self.variables, **variables})
        if self.path is not None:
            environment["PYTHONPATH"] = f"{self.path}:{environment['PYTHONPATH']}"
        return environment

    def manage(self, *arguments, check=True, timeout=120, **variables):
        """manage.py with these; its outcome. check as Site.cli's."""
        done = subprocess.run([sys.executable, "-m", "demo.manage", *map(str, arguments)], text=True,
                              env=self.environment(**variables), cwd=self.site.directory, timeout=timeout,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if check is not False:
            wanted = 0 if check is True else check
            assert done.returncode == wanted, (f"manage.py {' '.join(map(str, arguments))} ended with "
                                               f"{done.returncode}, not {wanted}\n{done.stdout}{done.stderr}")
        return done

    def set_up(self, *arguments):
        """Its tables, a company and a user; what demo_setup prints."""
        self.manage("migrate", "--verbosity", "0")
        return json.loads(self.manage("demo_setup", *arguments).stdout)

    def run(self, code, **variables):
        """Runs the code in the product; the JSON that it gives to answer()."""
        head = ("import json\nfrom django.core.serializers.json import DjangoJSONEncoder\n"
                "def answer(value):\n    print('ANSWER' + json.dumps(value, cls=DjangoJSONEncoder))\n")
        done = self.manage("shell", "-c", head + code, **variables)
        lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER")]
        return json.loads(lines[-1][len("ANSWER"):]) if lines else None

    def start(self, name="product", **variables):
        """Its web server, whose attribute http asks it."""
        address = f"127.0.0.1:{free_port()}"
        process = self.site.spawn(name, [sys.executable, "-m", "demo.manage", "runserver", "--noreload", address],
                                  self.environment(**variables), killable=True)
        process.url = f"http://{address}"
        process.http = Http(process.url)
        process.wait_until(lambda: process.http.answers("/login/"), 60, f"{name} answers at {process.url}")
        return process

    def close(self):
        """The login and all that is its own; what still runs, the site ends."""
        owned = Database(with_database(self.site.stack.admin_url, self.site.name))
        try:
            owned.execute(f'DROP OWNED BY "{self.login}" CASCADE')
        finally:
            owned.close()
        self.site.admin.execute(f'DROP ROLE IF EXISTS "{self.login}"')
