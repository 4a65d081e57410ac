"""The Django model and its admin, in a Django project of their own."""

import json
import pathlib
from urllib.parse import urlsplit

PROJECT = pathlib.Path(__file__).resolve().parent / "django_project.py"


def django(site, command, *arguments):
    return json.loads(site.python(str(PROJECT), command, *arguments))


def test_registered_task_gets_its_company_before_its_events(site):
    row = django(site, "register", "task-1")
    assert row["company_id"] == 73
    assert row["task_name"] == "sii.sync_sii_documents_task"
    assert row["display_name"] == "Sincronizando documentos SII"
    assert row["status"] == "pending"
    assert row["progress"] == 0
    assert row["metadata"] == {"source": "tests"}


def test_registering_twice_keeps_one_row(site):
    first = django(site, "register", "task-1")
    assert django(site, "register", "task-1")["id"] == first["id"]
    assert site.database.value("SELECT count(*) FROM background_task_trackers") == 1


def test_events_show_through_the_model(site):
    django(site, "register", "task-1")
    site.start_daemon()
    site.broker.publish_event("task-started", uuid="task-1")
    site.broker.publish_event("task-succeeded", uuid="task-1", result="None", runtime=0.5)
    site.processes[0].wait_until(lambda: site.database.row("task-1")["status"] == "success", what="the row's success")
    row = django(site, "show", "task-1")
    assert (row["status"], row["progress"], row["company_id"]) == ("success", 100, 73)


def test_role_of_the_product_may_register_and_read_and_nothing_else(site, admin):
    admin.execute("DROP ROLE IF EXISTS product")
    admin.execute("CREATE ROLE product LOGIN PASSWORD 'secret' IN ROLE taskbridge_app")
    parts = urlsplit(site.database_url)
    url = parts._replace(netloc=f"product:secret@{parts.hostname}:{parts.port}").geturl()
    try:
        seen = json.loads(site.python(str(PROJECT), "register_blindly", "task-1", TASKBRIDGE_DATABASE_URL=url))
        assert seen == {"task_id": "task-1", "read": "pending"}
        assert site.database.row("task-1")["company_id"] == 73
    finally:
        admin.execute("DROP ROLE product")


def test_company_may_have_a_uuid(site):
    site.database.execute("UPDATE settings SET value = 'uuid' WHERE name = 'company.format'")
    django(site, "register_uuid", "task-1")
    row = site.database.row("task-1")
    assert row["company_key"] == "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    assert row["company_id"] is None


def test_admin_shows_rows_and_changes_none(site):
    django(site, "register", "task-1")
    seen = django(site, "admin")
    assert seen["list"] == 200
    assert seen["list_names_the_task"] is True
    assert seen["detail"] == 200
    assert seen["add"] == 403
    assert seen["delete"] == 403
    assert seen["change"] == 403
