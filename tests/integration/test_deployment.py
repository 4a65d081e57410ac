"""A product that lives joins in four steps, with its old and its new code running side by side, and no request of
either ends in a 500."""

import itertools
import json
import pathlib
import shutil
import threading

import pytest
from harness import Product, wait_until

PRODUCTS = pathlib.Path(__file__).resolve().parent / "products"
NO_BODY = {"Content-Length": "0"}


class Visitors:
    """People who go on using the product: each round on one of its web servers. bad holds what went wrong."""

    def __init__(self):
        self.servers = []
        self.bad = []
        self.rounds = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def visit(self, server):
        """A company is made, onboarded, looked at, and every other time deleted."""
        ask = server.http.request
        made = ask("POST", "/companies/", headers=NO_BODY)
        self.note(server, made, 201)
        company = f"/companies/{made.json()['id']}/"
        self.note(server, ask("POST", company + "finalize/", headers=NO_BODY), 202)
        self.note(server, ask("GET", company + "task_status/"), 200)
        if self.rounds.get(server.name, 0) % 2:
            self.note(server, ask("DELETE", company), 204)
        self.rounds[server.name] = self.rounds.get(server.name, 0) + 1

    def note(self, server, answer, wanted):
        if answer.status != wanted:
            self.bad.append((server.name, answer.status, answer.text[:200]))

    def run(self):
        for number in itertools.count():
            servers = list(self.servers)
            if self.over.is_set():
                return
            if servers:
                try:
                    self.visit(servers[number % len(servers)])
                except Exception as error:
                    self.bad.append((servers[number % len(servers)].name, repr(error)))
            self.over.wait(0.02)

    def come(self, server):
        self.servers.append(server)
        self.wait_for_rounds(server)

    def leave(self, server):
        self.servers.remove(server)
        self.wait_for_rounds(*self.servers)

    def wait_for_rounds(self, *servers, count=4):
        before = {server.name: self.rounds.get(server.name, 0) for server in servers}
        wait_until(lambda: all(self.rounds.get(server.name, 0) >= before[server.name] + count for server in servers),
                   60, f"{count} rounds of visitors, not {self.rounds}; wrong so far: {self.bad[:3]}")
        assert self.bad == []

    def close(self):
        self.over.set()
        self.thread.join(30)


@pytest.fixture
def visitors():
    people = Visitors()
    yield people
    people.close()


@pytest.fixture
def products(bare_site, tmp_path):
    """The code before and after, of one product with one login and one database."""
    places = {}
    for name in ("before", "after"):
        shutil.copytree(PRODUCTS / name, tmp_path / name)
        if name == "before":
            places[name] = Product(bare_site, is_member=False, settings="shop.settings", path=tmp_path / name)
        else:
            places[name] = places["before"].with_code("shop.settings", tmp_path / name)
    yield places["before"], places["after"]
    places["before"].close()


def company_with_history(site, product):
    """As the product wrote it: one success, one failure, one that runs. The company's number."""
    return product.run("""
from datetime import timedelta
from django.utils import timezone
from shop.models import BackgroundTaskTracker, Company
company = Company.objects.create(name="Old Company")
now = timezone.now()
for task_id, status, values in [
    ("old-success", "success", {"progress": 100, "started_at": now - timedelta(minutes=5), "completed_at": now}),
    ("old-failed", "failed", {"progress": 40, "started_at": now - timedelta(minutes=5), "completed_at": now,
                              "error_message": "ValueError('no')"}),
    ("old-running", "running", {"progress": 50, "started_at": now - timedelta(minutes=1)}),
]:
    BackgroundTaskTracker.objects.create(company=company, task_id=task_id, task_name="shop.sync_documents",
                                         display_name="Sincronizando documentos", status=status,
                                         metadata={"source": "old"}, **values)
answer(company.pk)
""")


def seen_tasks(server, company):
    document = server.http.get(f"/companies/{company}/task_status/").json()
    tasks = document["active_tasks"] + document["summary"]["recent_completed"]
    return {task["task_id"]: (task["name"], task["status"], task["progress"], task["error_message"]) for task in tasks}


def test_four_steps_without_a_500(bare_site, products, visitors):
    site = bare_site
    before, after = products
    site.config["tasks"] = [{"match": "shop.sync_documents", "display_name": "Sincronizando documentos",
                             "company": {"kwarg": "company_id"}}]
    before.manage("migrate", "--verbosity", "0")
    company = company_with_history(site, before)
    old = before.start("old")
    site.start_worker("shop.celery", concurrency=1, name="old-worker", **before.worker_variables())
    visitors.come(old)

    # 1. taskbridge's tables, roles and programs; the product runs on as it is.
    site.cli("migrate")
    before.join()
    site.start_daemon()
    visitors.wait_for_rounds(old)

    # 2. The new code, after its own migration, beside the old.
    written = after.manage("taskbridge_drop_model", "shop.BackgroundTaskTracker", "--write", "release").stdout
    assert "0002_tracker_release" in written
    after.manage("check")
    after.manage("migrate", "--verbosity", "0")
    visitors.wait_for_rounds(old)
    new = after.start("new")
    site.start_worker("shop.celery", concurrency=1, name="new-worker", **after.worker_variables())
    visitors.come(new)
    visitors.wait_for_rounds(old, new)
    assert after.manage("makemigrations", "--check", "--dry-run").returncode == 0

    # The old code and its beat go; what they have in hand is done.
    visitors.leave(old)
    old.kill()

    # 3. Adoption: what the product knew, taskbridge knows.
    refused = site.cli("adopt", "public.background_task_trackers", check=1).stderr
    assert "GRANT SELECT ON public.background_task_trackers TO taskbridge;" in refused
    before.run("from django.db import connection\n"
               "connection.cursor().execute('GRANT SELECT ON background_task_trackers TO taskbridge')")
    adopted = site.cli("adopt", "public.background_task_trackers")
    assert "old-running" not in adopted.stderr
    expected = {"old-success": ("Sincronizando documentos", "success", 100, None),
                "old-failed": ("Sincronizando documentos", "failed", 40, "ValueError('no')"),
                "old-running": ("Sincronizando documentos", "running", 50, None)}
    assert seen_tasks(new, company) == expected
    visitors.wait_for_rounds(new)

    assert site.database.value("""
        SELECT count(*) FROM public.background_task_trackers before LEFT JOIN background_task_trackers t USING (task_id)
        WHERE t.registered_company IS DISTINCT FROM before.company_id::text""") == 0

    # 4. The product's own table goes.
    after.manage("taskbridge_drop_model", "shop.BackgroundTaskTracker", "--write", "drop")
    after.manage("migrate", "--verbosity", "0")
    visitors.wait_for_rounds(new)
    assert site.database.value("SELECT to_regclass('public.background_task_trackers')") is None
    assert seen_tasks(new, company) == expected
    assert new.http.request("DELETE", f"/companies/{company}/").status == 204
    assert site.database.row("old-success")["status"] == "success"
    assert site.cli("migrate").returncode == 0
    assert after.manage("makemigrations", "--check", "--dry-run").returncode == 0
    visitors.wait_for_rounds(new)
    assert visitors.bad == []


def test_printed_migrations_name_what_they_do_and_refuse_what_they_can_not(products):
    before, after = products
    before.manage("migrate", "--verbosity", "0")
    printed = after.manage("taskbridge_drop_model", "shop.BackgroundTaskTracker").stdout
    assert "0002_tracker_release.py" in printed
    assert "db_constraint=False" in printed
    assert 'DROP TABLE IF EXISTS "background_task_trackers"' in printed
    for model, why in [("shop.Nothing", "no migration of shop makes a model Nothing"),
                       ("nowhere.BackgroundTaskTracker", "nowhere")]:
        assert why in after.manage("taskbridge_drop_model", model, check=1).stderr


def test_deleting_the_old_model_the_plain_way_leaves_our_rows_alone(bare_site, products):
    """Whoever just deletes the class and lets makemigrations write the rest."""
    before, after = products
    before.manage("migrate", "--verbosity", "0")
    bare_site.cli("migrate")
    before.join()
    after.run("from taskbridge_celery.django.models import BackgroundTaskTracker\n"
              "BackgroundTaskTracker.create_for_task(73, 'task-1', 'shop.sync_documents', 'Sincronizando')")
    after.manage("makemigrations", "shop")
    after.manage("migrate", "--verbosity", "0")
    assert bare_site.database.value("SELECT to_regclass('public.background_task_trackers')") is None
    assert bare_site.database.row("task-1")["company_id"] == 73
    assert json.loads(bare_site.cli("status", "--json").stdout)
