"""The document as a contract: filters, pages, versions, words for customers, numbers for browsers, and its description."""

import gzip
import json
import pathlib
import shutil
import subprocess
import threading
import time

import pytest

from harness import Database, wait_until
from harness.database import TRACKERS
from harness.stack import ROOT
from http_facts import add_company, add_task, add_token, allow, serve, status_path

EXAMPLES = ROOT / "tests" / "fixtures" / "documents"
VALIDATOR = pathlib.Path(__file__).parent / "openapi"


@pytest.fixture
def server(site):
    server = serve(site)
    server.wait_for("event=changes_heard")
    return server


def ids(document):
    return ([task["task_id"] for task in document["active_tasks"]],
            [task["task_id"] for task in document["summary"]["recent_completed"]])


# ---- filters and pages ----

@pytest.fixture
def several(site, server):
    day = "2024-01-01 "
    add_task(site, "waits", 73, name="a.sync", created_at=day + "10:00Z", received_at=day + "10:00Z")
    add_task(site, "runs", 73, name="a.import", created_at=day + "11:00Z", received_at=day + "11:00Z", began_at=day + "11:00Z")
    add_task(site, "good", 73, name="a.sync", created_at=day + "08:00Z", received_at=day + "08:00Z",
             succeeded_at=day + "09:00Z")
    add_task(site, "bad", 73, name="a.import", created_at=day + "08:00Z", received_at=day + "08:00Z",
             failed_at=day + "09:30Z", error="E()")
    return server


FILTERED = [
    ("status=running", ["runs"], []),
    ("status=pending,running", ["waits", "runs"], []),
    ("status=failed&status=running", ["runs"], ["bad"]),
    ("status=success", [], ["good"]),
    ("task_type=sync", ["waits"], ["good"]),
    ("task_type=sync&task_type=import", ["waits", "runs"], ["bad", "good"]),
    ("task_type=none", [], []),
    ("since=2024-01-01T09:15:00Z", ["waits", "runs"], ["bad"]),
    ("since=2024-01-01T12:30:00%2B02:00", ["runs"], []),
    ("until=2024-01-01T09:15:00Z", [], ["good"]),
    ("since=2024-01-01T10:00:00Z&until=2024-01-01T11:00:00Z", ["waits"], []),
    ("status=failed&task_type=sync", [], []),
    ("nobody=knows&status=failed", [], ["bad"]),
]


@pytest.mark.parametrize("query, active, ended", FILTERED)
def test_filters_narrow_the_document_and_its_counts(several, query, active, ended):
    document = several.ask(status_path(73) + "?" + query).json()
    assert ids(document) == (active, ended)
    summary = document["summary"]
    assert (summary["active_count"], summary["completed_count"]) == (len(active), len(ended))
    assert summary["failed_count"] == ended.count("bad")
    assert document["all_completed"] == (not active)


@pytest.mark.parametrize("query, name", [
    ("status=done", "status"), ("status=", "status"), ("status=running,", "status"), ("since=yesterday", "since"),
    ("until=2024-13-01", "until"), ("limit=0", "limit"), ("limit=201", "limit"), ("limit=ten", "limit"),
    ("cursor=abc", "cursor"), ("cursor=1-2-3", "cursor"), ("task_type=%00", "task_type"), ("task_type=%ff", "task_type"),
    ("task_type=", "task_type")])
def test_values_that_are_wrong_are_named(server, query, name):
    answer = server.ask(status_path(73) + "?" + query)
    assert answer.status == 400
    assert answer.json()["parameter"] == name


def test_pages_give_each_that_ended_once_also_while_others_end(site, server):
    site.database.execute(f"INSERT INTO {TRACKERS} (task_id, registered_company, succeeded_at) SELECT 'done-' || n, '73', "
                          "'2024-01-01'::timestamptz + n / 3 * interval '1 s' FROM generate_series(1, 100) n")
    seen, cursor = [], ""
    while cursor is not None:
        document = server.ask(status_path(73) + f"?limit=7&cursor={cursor}" if cursor else status_path(73) + "?limit=7").json()
        seen += ids(document)[1]
        cursor = document["summary"]["next_cursor"]
        add_task(site, f"late-{len(seen)}", 73, succeeded_at="2024-06-01Z")
    assert len(seen) == len(set(seen)) == 100
    numbers = [int(task.split("-")[1]) // 3 for task in seen]
    assert numbers == sorted(numbers, reverse=True)


# ---- versions ----

def test_version_is_another_exactly_when_anything_but_the_clock_is(site, server):
    add_task(site, "task-1", 73, received_at="2024-01-01 10:00Z", began_at="2024-01-01 10:00Z")
    first = server.ask()
    time.sleep(0.3)
    second = server.ask()
    assert first.json()["version"] == second.json()["version"]
    assert first.json()["checked_at"] < second.json()["checked_at"]
    assert first.json()["active_tasks"][0]["duration_seconds"] < second.json()["active_tasks"][0]["duration_seconds"]
    answer = server.ask(headers={"If-None-Match": first.headers["etag"]})
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", first.headers["etag"])
    site.database.execute(f"UPDATE {TRACKERS} SET progress_value = 5, progress_at = now(), alive_at = now()")
    wait_until(lambda: server.ask(headers={"If-None-Match": first.headers["etag"]}).status == 200, 5, "it is another")


def test_a_document_is_compressed_for_who_asks(site, server):
    add_task(site, "task-1", 73, received_at="2024-01-01 10:00Z")
    plain = server.ask()
    assert "content-encoding" not in plain.headers
    answer = server.ask(headers={"Accept-Encoding": "br, gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    document = json.loads(gzip.decompress(answer.body))
    assert document["version"] == plain.json()["version"]
    assert "content-encoding" not in server.ask(headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_no_answer_is_older_than_a_commit_by_more_than_a_moment(site, server):
    # A loaded machine delivers a notification late; what is served must never go back, and must be the last in the end.
    add_task(site, "task-1", 73, received_at="2024-01-01Z", began_at="2024-01-01Z")
    committed, over, late, back = [0, 0.0], threading.Event(), [], []

    def write():
        database = Database(site.database_url)
        for value in range(1, 95):
            database.execute(f"UPDATE {TRACKERS} SET progress_value = %s, progress_at = now(), alive_at = now()", (value,))
            committed[:] = [value, time.monotonic()]
            time.sleep(0.03)
        database.close()
        over.set()

    def read():
        newest = 0
        while not over.is_set():
            value, when = committed
            began = time.monotonic()
            seen = server.ask().json()["active_tasks"][0]["progress"]
            if seen < newest:
                back.append((seen, newest))
            newest = max(newest, seen)
            if seen < value:
                late.append(began - when)

    threads = [threading.Thread(target=write), *(threading.Thread(target=read) for _ in range(4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert back == []
    assert sorted(late)[-max(1, len(late) // 20):][0] < 0.05 if late else True
    wait_until(lambda: server.ask().json()["active_tasks"][0]["progress"] == 94, 2, "the last is there")


def test_equal_questions_are_one_and_what_did_not_change_is_not_asked_again(site, server):
    add_task(site, "task-1", 73, received_at="2024-01-01Z")
    server.ask()
    count = "SELECT calls FROM (SELECT coalesce(sum(idx_scan), 0) AS calls FROM pg_stat_user_indexes WHERE indexrelname = " \
            "'trackers_company_active') s"
    time.sleep(1.5)
    before = site.database.value(count)
    for _ in range(200):
        assert server.ask().status == 200
    time.sleep(1.5)
    assert site.database.value(count) - before <= 4


# ---- words and numbers ----

def test_customers_read_words_and_operators_the_exception(site):
    site.config["tasks"].insert(0, {"match": "a.sync", "failure_message": "El SII no responde; lo intentamos mañana."})
    server = serve(site)
    for task, name in (("one", "a.sync"), ("two", "a.other")):
        add_task(site, task, 73, name=name, received_at="2024-01-01Z", failed_at="2024-01-01 10:00Z",
                 error=f"OSError('{task}')")

    def messages(**options):
        document = server.http.get(status_path(73), **options).json()
        return {task["task_id"]: task["error_message"] for task in document["summary"]["recent_completed"]}

    assert messages(token=server.token) == {"one": "El SII no responde; lo intentamos mañana.",
                                            "two": "No se pudo completar esta tarea."}
    english = {"Accept-Language": "en-GB,en;q=0.9,es;q=0.8"}
    assert messages(token=server.token, headers=english)["two"] == "This task could not be completed."
    assert messages(token=add_token(site, "root", scope="operator")) == {"one": "OSError('one')", "two": "OSError('two')"}
    task = server.ask("/api/v1/companies/73/tasks/two/").json()
    assert task["error_message"] == "No se pudo completar esta tarea."
    assert "OSError" not in server.ask("/api/v1/companies/73/tasks/two/").text


def test_exceptions_are_shown_where_the_product_wants_it(site):
    site.config["http"] = {"customer_errors": "raw"}
    server = serve(site)
    add_task(site, "one", 73, received_at="2024-01-01Z", failed_at="2024-01-01 10:00Z", error="OSError('x')")
    assert server.ask().json()["summary"]["recent_completed"][0]["error_message"] == "OSError('x')"


def test_numbers_are_exact_in_a_browser(site, server):
    for company in (2**53, 2**53 + 1, 2**63 - 1):
        add_company(site, company, "Large")
        allow(site, "ana", company)
        add_task(site, f"of-{company}", company, received_at="2024-01-01Z", retries=2**60, retries_at="2024-01-01Z")
        document = server.ask(status_path(company)).json()
        assert document["company_id"] == (company if company <= 2**53 else str(company))
        assert document["active_tasks"][0]["retries"] == str(2**60)


def test_a_nameless_task_has_a_name(site, server):
    add_task(site, "task-1", 73, received_at="2024-01-01Z")
    task = server.ask().json()["active_tasks"][0]
    assert (task["name"], task["task_type"]) == ("Tarea", "Tarea")
    task = server.ask(headers={"Accept-Language": "en"}).json()["active_tasks"][0]
    assert (task["name"], task["task_type"]) == ("Task", "Task")


def test_a_retry_says_which_try_and_when(site, server):
    add_task(site, "task-1", 73, name="a.sync", received_at="2024-01-01 10:00Z", began_at="2024-01-01 10:00Z",
             retried_at="2024-01-01 10:01Z", retries=1, retries_at="2024-01-01 10:02Z",
             eta="2024-01-01T10:11:00.5+00:00", eta_at="2024-01-01 10:02Z")
    task = server.ask().json()["active_tasks"][0]
    assert (task["celery_state"], task["attempt"], task["duration_seconds"]) == ("RETRY", 2, None)
    assert task["next_try_at"] == "2024-01-01T10:11:00.500000Z"


def test_the_document_says_how_far_it_can_be_trusted(site, server):
    assert server.ask().json()["stale"] is True
    daemon = site.start_daemon()
    wait_until(lambda: server.ask().json()["stale"] is False, 30, "a daemon lives")
    assert server.ask().json()["as_of"] is not None
    daemon.terminate()
    wait_until(lambda: server.ask().json()["stale"] is True, 30, "none lives")


# ---- its description ----

def run_validator(*arguments):
    """A public validator, out of npm's registry, once a checkout."""
    if not shutil.which("npm"):
        pytest.skip("this machine has no npm")
    place = ROOT / "build" / "npm-openapi"
    if not (place / "node_modules").exists():
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(VALIDATOR / "package.json", place)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=place, check=True, timeout=180,
                       stdout=subprocess.DEVNULL)
    shutil.copy(VALIDATOR / "validate.mjs", place)
    return subprocess.run(["node", str(place / "validate.mjs"), *map(str, arguments)], text=True, capture_output=True,
                          timeout=120, check=False)


def test_description_is_valid_and_answers_are_as_it_says(site, server, tmp_path):
    add_task(site, "root", 73, name="a.sync", received_at="2024-01-01Z", began_at="2024-01-01Z", root_id="root",
             root_at="2024-01-01Z")
    add_task(site, "child", 73, name="a.sync", received_at="2024-01-01Z", root_id="root", root_at="2024-01-01Z",
             parent_id="root", parent_at="2024-01-01Z", failed_at="2024-01-02Z", error="E")
    (tmp_path / "openapi.json").write_bytes(server.http.get("/api/v1/openapi.json").body)
    answers = {"TaskStatus": [status_path(73), status_path(73) + "?status=failed"],
               "Task": ["/api/v1/companies/73/tasks/root/", "/api/v1/companies/73/tasks/child/"],
               "Flow": ["/api/v1/companies/73/flows/root/"],
               "Problem": ["/nothing", status_path(75), status_path("x"), status_path(73) + "?limit=0"],
               "Health": ["/healthz", "/readyz"]}
    checked = [tmp_path / "openapi.json"]
    for schema, paths in answers.items():
        for number, path in enumerate(paths):
            file = tmp_path / f"{schema}.{number}.json"
            file.write_bytes(server.ask(path).body)
            checked.append(file)
    for number, example in enumerate(sorted(EXAMPLES.glob("*.json"))):
        file = tmp_path / f"TaskStatus.example-{number}.json"
        shutil.copy(example, file)
        checked.append(file)
    done = run_validator(*checked)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_state_has_an_example_for_the_frontend():
    states = set()
    for example in EXAMPLES.glob("*.json"):
        document = json.loads(example.read_text(encoding="utf-8"))
        states |= {task["celery_state"] for task in document["active_tasks"] + document["summary"]["recent_completed"]}
    assert states == {"PENDING", "RECEIVED", "STARTED", "PROGRESS", "RETRY", "SUCCESS", "FAILURE", "REVOKED", "REJECTED",
                      "LOST"}
