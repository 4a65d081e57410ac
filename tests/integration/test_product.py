"""The example product beside the bridge: its Django, its users, its tests; and what the package tells when a part is
missing."""

import json
import pathlib

import pytest
from harness import Product, wait_until

TRACKERS = "from taskbridge_celery.django.models import BackgroundTaskTracker\nfrom demo.companies.models import Company\n"

PRODUCTS = pathlib.Path(__file__).resolve().parent / "products"

NAMES = ["Creando procesos tributarios", "Sincronizando documentos SII", "Sincronizando formularios históricos",
         "Sincronizando historial completo de documentos"]

CREATE = TRACKERS + """
company = Company.objects.get()
row = BackgroundTaskTracker.create_for_task(company=company, task_result="task-1",
    task_name="sii.sync_sii_documents_task", display_name="Sincronizando", metadata={"source": "tests"})
"""


@pytest.fixture
def product(site):
    place = Product(site)
    yield place
    place.close()


def wait_for_status(product, task_id, status):
    site = product.site
    wait_until(lambda: (site.database.row(task_id) or {}).get("status") == status, 30, f"{task_id} is {status}")


def test_onboarding_of_the_product_is_seen_by_its_own_view_as_by_the_bridges(product):
    site = product.site
    made = product.set_up()
    site.start_daemon()
    site.start_worker(concurrency=4)
    http = site.start_http().http
    site.cli("company", "add", made["company"], "Example Company")
    key = site.cli("token", "create", "--user", made["user"], "--company", made["company"]).stdout.strip()
    shop = product.start()
    url = f"/api/v1/companies/{made['company']}/"
    answer = shop.http.post(url + "finalize/", token=made["token"], headers={"Content-Length": "0"})
    assert answer.status == 202, answer
    task_ids = answer.json()["task_ids"]
    for task_id in task_ids:
        wait_for_status(product, task_id, "success")
    site.broker.publish_event("task-started", uuid="task-x", hostname="w1@shop-7")
    site.broker.publish_event("task-progress", uuid="task-x", hostname="w1@shop-7", progress=30, company_id=73)
    site.broker.publish_event("task-failed", uuid="task-x", hostname="w1@shop-7", exception="ValueError('secret')")
    wait_for_status(product, "task-x", "failed")
    own = shop.http.get(url + "task_status/", token=made["token"]).json()
    bridges = http.get(url + "task_status/", token=key).json()
    assert own["all_completed"] is True
    assert sorted(task["name"] for task in own["summary"]["recent_completed"]) == sorted([*NAMES, "Tarea"])
    assert [task["error_message"] for task in own["summary"]["recent_completed"] if task["status"] == "failed"] == [
        "No se pudo completar esta tarea."]
    assert own["company_name"] == "Example Company"
    for document in (own, bridges):
        document.pop("checked_at")
        assert document.pop("version")
    assert_holds(bridges, own)
    assert set(bridges) - set(own) == {"stale", "as_of"}
    assert shop.http.get("/api/v1/companies/74/task_status/", token=made["token"]).status == 404
    assert shop.http.get(url + "task_status/").status == 401
    registered = site.database.row(task_ids[0])
    assert (registered["registered_company"], registered["metadata"]) == ("73", {"source": "onboarding"})


def assert_holds(ours, theirs, where="document"):
    """Everything that the product's view says, the bridge's document says too."""
    if isinstance(theirs, dict):
        for name in theirs:
            assert name in ours, f"{where}.{name} is the product's alone"
            assert_holds(ours[name], theirs[name], f"{where}.{name}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for number, (one, other) in enumerate(zip(ours, theirs)):
            assert_holds(one, other, f"{where}[{number}]")
    else:
        assert ours == theirs, where


@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
def test_products_own_tests_run_unchanged(product, database):
    variables = {"DEMO_DATABASE_URL": "here.sqlite3"} if database == "sqlite" else {}
    done = product.manage("test", "demo", **variables)
    assert "Ran 11 tests" in done.stderr
    assert done.stderr.rstrip().splitlines()[-2] == "OK"


def test_rows_are_found_by_company_as_an_object(product):
    product.set_up()
    seen = product.run(CREATE + """
answer({"row": BackgroundTaskTracker.objects.get(company=company).task_id,
        "name": BackgroundTaskTracker.objects.get(company__name="Example Company").company.name,
        "none": BackgroundTaskTracker.objects.filter(company=Company.objects.create(name="Other")).count(),
        "known": [row.task_name, row.display_name, row.metadata, row.company_id, row.status, row.attempt]})
""")
    assert seen == {"row": "task-1", "name": "Example Company", "none": 0,
                    "known": ["sii.sync_sii_documents_task", "Sincronizando", {"source": "tests"}, 73, "pending", 1]}


def test_impossible_companies_and_tasks_are_refused(product):
    product.set_up()
    seen = product.run(TRACKERS + """
from uuid import uuid4
refused = []
for company in (None, Company(name="unsaved"), "", "None", True, 1.5, [73], "x" * 256):
    try:
        BackgroundTaskTracker.create_for_task(company, "task-1", "x.task", "X")
    except ValueError as error:
        refused.append(str(error))
for task in (None, "", True, "x" * 256, object()):
    try:
        BackgroundTaskTracker.create_for_task(73, task, "x.task", "X")
    except ValueError as error:
        refused.append(str(error))
answer(refused)
""")
    assert len(seen) == 8 + 5
    assert product.site.database.rows() == {}


def test_registration_is_undone_with_the_transaction(product):
    product.set_up()
    product.run("from django.db import transaction\n" + TRACKERS + """
try:
    with transaction.atomic():
        BackgroundTaskTracker.create_for_task(73, "task-1", "x.task", "X")
        raise RuntimeError
except RuntimeError:
    pass
""")
    assert product.site.database.row("task-1") is None


def test_row_can_neither_be_saved_nor_deleted(product):
    product.set_up()
    seen = product.run(CREATE + """
from django.db import NotSupportedError, DatabaseError
said = []
for refused in (row.save, row.delete):
    try:
        refused()
    except NotSupportedError as error:
        said.append(str(error))
for refused in (lambda: BackgroundTaskTracker.objects.all().delete(),
                lambda: BackgroundTaskTracker.objects.update(metadata={})):
    try:
        refused()
    except DatabaseError as error:
        said.append("permission denied" if "permission denied" in str(error) else str(error))
answer(said)
""")
    assert len(seen) == 4
    assert "create_for_task" in seen[0]
    assert seen[2:] == ["permission denied"] * 2


def test_company_with_rows_can_be_deleted_and_its_rows_still_be_looked_at(product):
    product.set_up()
    seen = product.run(CREATE + """
company.delete()
row = BackgroundTaskTracker.objects.get(task_id="task-1")
answer([Company.objects.count(), row.company_id])
""")
    assert seen == [0, 73]
    assert admin_pages(product)["list"] == 200


def admin_pages(product):
    return product.run(TRACKERS + """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.get())
pages = "/admin/taskbridge/backgroundtasktracker/"
row = "%s%d/" % (pages, BackgroundTaskTracker.objects.get().pk)
listed, shown = client.get(pages), client.get(row + "change/")
answer({"list": listed.status_code, "listed": listed.content.decode(),
        "detail": shown.status_code, "shown": shown.content.decode(),
        "filtered": client.get(pages + "?status=failed").status_code,
        "found": client.get(pages + "?q=task-1").status_code,
        "add": client.get(pages + "add/").status_code,
        "delete": client.post(row + "delete/", {"post": "yes"}).status_code,
        "change": client.post(row + "change/", {"status": "success"}).status_code})
""", DEMO_PAGES_URL="http://bridge.example")


def test_admin_shows_worker_queue_attempt_arguments_and_error_and_changes_none(product):
    site = product.site
    product.set_up()
    site.start_daemon()
    for event, fields in [
        ("task-sent", {"name": "sii.sync_sii_documents_task", "queue": "imports", "retries": 0}),
        ("task-received", {"name": "sii.sync_sii_documents_task", "retries": 2, "args": "[]",
                           "kwargs": "{'company_id': 73, 'year': 2031}"}),
        ("task-started", {}),
        ("task-failed", {"exception": "ValueError('no such folio')", "traceback": "Traceback (most recent call last)"}),
    ]:
        site.broker.publish_event(event, uuid="task-1", hostname="w1@shop-7", **fields)
    wait_for_status(product, "task-1", "failed")
    seen = admin_pages(product)
    assert (seen["list"], seen["detail"], seen["filtered"], seen["found"]) == (200, 200, 200, 200)
    assert (seen["add"], seen["delete"], seen["change"]) == (403, 403, 403)
    for text in ("Sincronizando documentos SII", "Example Company", "imports", "w1@shop-7"):
        assert text in seen["listed"], text
    for text in ("ValueError(&#x27;no such folio&#x27;)", "2031", "imports", "w1@shop-7", "Traceback",
                 "http://bridge.example/console/tasks/task-1"):
        assert text in seen["shown"], text


def test_check_is_silent_where_all_is_there(product):
    product.set_up()
    done = product.manage("check")
    assert "no issues" in done.stdout + done.stderr


def findings(done):
    return [line for line in done.stderr.splitlines() if "taskbridge." in line]


def schema_of(product):
    return product.variables["TASKBRIDGE_DATABASE_SCHEMA"]


def test_check_finds_a_login_without_the_role(site):
    product = Product(site, is_member=False)
    try:
        product.set_up()
        (registering, reading) = findings(product.manage("check", check=1))
        assert "taskbridge.E004" in registering and "may not register" in registering
        assert "taskbridge.E005" in reading
        product.join()
        product.manage("check")
    finally:
        product.close()


def test_check_finds_a_missing_function(product):
    product.set_up()
    schema = schema_of(product)
    for types in product.site.database.query(
            "SELECT oid::regprocedure::text AS name FROM pg_proc WHERE proname = 'tracker_register'"):
        product.site.database.execute(f"DROP FUNCTION {types['name']}")
    (found,) = findings(product.manage("check", check=1))
    assert "taskbridge.E002" in found and f"{schema}.tracker_register" in found


def test_check_finds_a_database_without_taskbridge(product):
    product.set_up()
    (found,) = findings(product.manage("check", TASKBRIDGE_DATABASE_SCHEMA="elsewhere", check=1))
    assert "taskbridge.E001" in found and "elsewhere" in found


def test_check_finds_a_right_that_was_taken_away(product):
    product.set_up()
    for types in product.site.database.query(
            "SELECT oid::regprocedure::text AS name FROM pg_proc WHERE proname = 'tracker_register'"):
        product.site.database.execute(f"REVOKE EXECUTE ON FUNCTION {types['name']} FROM taskbridge_app")
    (found,) = findings(product.manage("check", check=1))
    assert "taskbridge.E004" in found


def test_check_finds_tables_that_would_be_made_in_the_wrong_schema(product):
    product.set_up()
    product.site.admin.execute(f'ALTER ROLE "{product.login}" SET search_path = {schema_of(product)}, public')
    settings = "from demo.settings import *\nDATABASES['default'].pop('OPTIONS')\n"
    (product.site.directory / "careless.py").write_text(settings, encoding="utf-8")
    done = product.manage("check", check=1, DJANGO_SETTINGS_MODULE="careless",
                          PYTHONPATH=f"{product.site.directory}:{product.environment()['PYTHONPATH']}")
    (found,) = findings(done)
    assert "taskbridge.E006" in found


def test_check_without_a_database_says_so_and_other_commands_do_not_ask(product):
    product.set_up()
    product.manage("makemigrations", "--check", "--dry-run", DEMO_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing",
                   check=False)
    done = product.manage("check", DEMO_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    (found,) = findings(done)
    assert "taskbridge.W002" in found


def test_watch_token_of_the_product_names_its_company(product):
    import base64

    made = product.set_up()
    shop = product.start(TASKBRIDGE_ACCESS_WATCH_SECRET="s" * 32)
    answer = shop.http.get("/api/v1/companies/73/watch_token/", token=made["token"])
    assert answer.status == 200, answer
    head, payload, _ = answer.json()["token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))) == {"alg": "HS256", "typ": "watch+jwt"}
    assert (claims["aud"], claims["company"], claims["sub"]) == ("taskbridge", "73", "1")
    assert claims["exp"] - claims["iat"] == 900
    assert shop.http.get("/api/v1/companies/74/watch_token/", token=made["token"]).status == 404


def test_companies_may_have_uuids(site):
    site.config["company"] = {"format": "uuid"}
    site.cli("migrate")
    product = Product(site, settings="shop.settings", path=PRODUCTS / "uuid")
    try:
        product.manage("migrate", "--run-syncdb", "--verbosity", "0")
        product.manage("check")
        seen = product.run("""
from shop.models import Company
from taskbridge_celery.django.documents import task_status
from taskbridge_celery.django.models import BackgroundTaskTracker
company, other = Company.objects.create(name="One"), Company.objects.create(name="Other")
unsaved = Company(name="Unsaved")
try:
    BackgroundTaskTracker.create_for_task(unsaved, "task-0", "x.task", "X")
except ValueError as error:
    said = str(error)
row = BackgroundTaskTracker.create_for_task(company, "task-1", "x.task", "X")
found = BackgroundTaskTracker.objects.get(company=company)
answer({"company": str(company.pk), "known": str(row.company_id), "found": str(found.company_id),
        "name": found.company.name, "others": BackgroundTaskTracker.objects.filter(company=other).count(),
        "both": BackgroundTaskTracker.objects.filter(company__in=[company, other]).count(),
        "document": task_status(company), "said": said})
""")
        row = site.database.row("task-1")
        assert row["company_key"] == seen["company"] == seen["known"] == seen["found"]
        assert (seen["name"], seen["others"], seen["both"]) == ("One", 0, 1)
        assert seen["document"]["company_id"] == seen["company"]
        assert seen["document"]["summary"]["active_count"] == 1
        assert "not been saved" in seen["said"]
        assert site.database.row("task-0") is None
    finally:
        product.close()


ACCESS = {
    "sql": {
        "user": "SELECT u.username FROM public.authtoken_token t JOIN public.auth_user u ON u.id = t.user_id"
                " WHERE t.key = $1 AND u.is_active",
        "sees": "SELECT true FROM public.companies_company_users m JOIN public.auth_user u ON u.id = m.user_id"
                " WHERE u.username = $1 AND m.company_id::text = $2",
        "company_name": "SELECT name FROM public.companies_company WHERE id::text = $1",
    },
    "watch": {"secret": "the secret of the watch tokens of a test"},
}
TABLES = "public.authtoken_token, public.auth_user, public.companies_company, public.companies_company_users"


def test_products_own_users_and_its_browsers_see_their_company_at_the_bridge(product):
    site = product.site
    made = product.set_up()
    product.run(TRACKERS + """
BackgroundTaskTracker.create_for_task(73, "task-1", "sii.sync_sii_documents_task", "Sincronizando")
BackgroundTaskTracker.create_for_task(73, "task-2", "sii.sync_sii_documents_task", "Sincronizando")
Company.objects.create(pk=74, name="Other")
from django.db import connection
connection.cursor().execute("GRANT SELECT ON %s TO taskbridge")
""" % TABLES)
    site.config["access"] = ACCESS
    http = site.start_http().http
    answer = http.get("/api/v1/companies/73/task_status/", token=made["token"])
    assert answer.status == 200, answer
    assert answer.json()["company_name"] == "Example Company"
    assert http.get("/api/v1/companies/74/task_status/", token=made["token"]).status == 404
    assert http.get("/api/v1/companies/73/task_status/", token="f" * 40).status == 401
    secret = {"TASKBRIDGE_ACCESS_WATCH_SECRET": ACCESS["watch"]["secret"]}
    whole, one = product.run("""
from demo.companies.models import Company
from taskbridge_celery import watch_token
company = Company.objects.get(pk=73)
answer([watch_token(company, user="ana"), watch_token(73, tasks=["task-2"], ttl=60)])
""", **secret)
    for token, task_ids in ((whole, {"task-1", "task-2"}), (one, {"task-2"})):
        answer = http.get("/api/v1/companies/73/task_status/", bearer=token)
        assert answer.status == 200, answer
        assert {task["task_id"] for task in answer.json()["active_tasks"]} == task_ids
        assert http.get("/api/v1/companies/74/task_status/", bearer=token).status == 404
    forged = whole[:-2] + ("AA" if whole[-2:] != "AA" else "BB")
    assert http.get("/api/v1/companies/73/task_status/", bearer=forged).status == 401
