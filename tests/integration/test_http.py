"""The document of a company over HTTP: its fields against rows written by hand, and who may see it."""

import datetime
import json

import pytest

from harness import wait_until
from harness.database import TRACKERS
from http_facts import add_company, add_task, add_token, allow, serve, status_path


@pytest.fixture
def server(site):
    return serve(site)


def test_document_tells_each_field_of_the_rows(site, server):
    day = "2024-01-01 "
    add_task(site, "run-1", 73, created_at=day + "10:00Z", name="app.create_processes_from_taxpayer_settings",
             rule_type="create_processes_from_taxpayer_settings", rule_display_name="Creando procesos tributarios",
             received_at=day + "10:00Z", began_at=day + "10:00:00.5Z", alive_at=day + "10:00:20Z",
             progress_at=day + "10:00:20Z", progress_value=50.9, text_at=day + "10:00:20Z", progress_note="Año \"1\"",
             retries=1)
    add_task(site, "wait-1", 73, created_at=day + "09:00Z", registered_name="sii.sync_sii_documents_task")
    add_task(site, "good-1", 73, name="sii.sync", received_at=day + "10:00Z", began_at=day + "10:00Z",
             succeeded_at=day + "10:00:30.5Z", runtime_s=30.5)
    add_task(site, "bad-1", 73, name="sii.sync", received_at=day + "10:00Z", began_at=day + "10:00Z",
             failed_at=day + "10:01Z", error="OSError('no')")
    add_task(site, "other-1", 74, name="sii.sync", received_at=day + "10:00Z")

    answer = server.ask()
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    checked_at = datetime.datetime.fromisoformat(document["checked_at"].replace("Z", "+00:00"))
    assert abs(checked_at - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(seconds=30)
    began_at = datetime.datetime(2024, 1, 1, 10, 0, 0, 500000, datetime.timezone.utc)
    running_for = document["active_tasks"][1].pop("duration_seconds")
    assert len(document.pop("version")) >= 16
    assert running_for == pytest.approx((checked_at - began_at).total_seconds(), abs=0.00001)
    assert document == {
        "active_tasks": [
            {"task_id": "wait-1", "name": "sync_sii_documents_task", "status": "pending", "progress": 0,
             "started_at": None, "task_type": "sync_sii_documents_task", "duration_seconds": None,
             "celery_state": "PENDING", "progress_text": None, "retries": None, "attempt": 1, "next_try_at": None,
             "reference": "wait-1"},
            {"task_id": "run-1", "name": "Creando procesos tributarios", "status": "running", "progress": 50,
             "started_at": "2024-01-01T10:00:00.500000Z", "task_type": "create_processes_from_taxpayer_settings",
             "celery_state": "PROGRESS", "progress_text": "Año \"1\"", "retries": 1, "attempt": 2, "next_try_at": None,
             "reference": "run-1"},
        ],
        "all_completed": False,
        "summary": {
            "total_tasks": 4, "active_count": 2, "completed_count": 2,
            "recent_completed": [
                {"task_id": "bad-1", "name": "sync", "status": "failed", "progress": 0,
                 "started_at": "2024-01-01T10:00:00Z", "task_type": "sync", "duration_seconds": 60.0,
                 "completed_at": "2024-01-01T10:01:00Z", "error_message": "No se pudo completar esta tarea.",
                 "celery_state": "FAILURE", "progress_text": None, "retries": None, "attempt": 1, "next_try_at": None,
                 "reference": "bad-1"},
                {"task_id": "good-1", "name": "sync", "status": "success", "progress": 100,
                 "started_at": "2024-01-01T10:00:00Z", "task_type": "sync", "duration_seconds": 30.5,
                 "completed_at": "2024-01-01T10:00:30.500000Z", "error_message": None, "celery_state": "SUCCESS",
                 "progress_text": None, "retries": None, "attempt": 1, "next_try_at": None, "reference": "good-1"},
            ],
            "failed_count": 1, "next_cursor": None,
        },
        "company_id": 73,
        "company_name": "Example Company",
        "checked_at": document["checked_at"],
        "stale": True, "as_of": None,
    }


def test_company_without_tasks_has_nothing_to_wait_for(server):
    document = server.ask().json()
    assert document["active_tasks"] == document["summary"]["recent_completed"] == []
    assert document["all_completed"] is True
    assert document["summary"]["total_tasks"] == 0


def test_only_the_newest_twenty_of_the_completed_are_listed_and_all_are_counted(site, server):
    for minute in range(25):
        add_task(site, f"done-{minute}", 73, succeeded_at=f"2024-01-01 10:{minute:02}Z")
    document = server.ask().json()
    assert document["summary"]["completed_count"] == 25
    listed = [task["task_id"] for task in document["summary"]["recent_completed"]]
    assert listed == [f"done-{minute}" for minute in range(24, 4, -1)]
    assert document["all_completed"] is True


def test_more_active_tasks_than_an_answer_lists_are_counted(site, server):
    site.database.execute(f"INSERT INTO {TRACKERS} (task_id, registered_company, created_at) SELECT 'task-' || n, '73', "
                          "'2024-01-01'::timestamptz + n * interval '1 s' FROM generate_series(1, 1200) n")
    document = server.ask().json()
    assert document["summary"]["active_count"] == 1200
    assert len(document["active_tasks"]) == 1000
    assert document["active_tasks"][0]["task_id"] == "task-1"


def test_answer_that_would_be_too_long_lists_fewer(site, server):
    site.database.execute(f"INSERT INTO {TRACKERS} (task_id, registered_company, created_at, registered_name) "
                          "SELECT 'task-' || n, '73', '2024-01-01'::timestamptz + n * interval '1 s', "
                          "repeat(chr(1), 4000) FROM generate_series(1, 500) n")
    answer = server.ask()
    assert answer.status == 200
    document = answer.json()
    assert document["summary"]["active_count"] == 500
    assert document["active_tasks"][0]["name"] == "\x01" * 512


def test_tasks_of_one_batch_stand_in_the_order_of_their_first_signs(site, server):
    # A batch is one transaction, and its rows are sorted by their ids.
    for task, second in (("a", 3), ("b", 1), ("c", 4), ("d", 2)):
        add_task(site, task, 73, created_at="2024-01-01 10:01Z", sent_at=f"2024-01-01 10:00:0{second}Z",
                 received_at=f"2024-01-01 10:00:1{9 - second}Z")
    assert [task["task_id"] for task in server.ask().json()["active_tasks"]] == ["b", "d", "a", "c"]


def test_document_changes_with_its_rows(site, server):
    add_task(site, "task-1", 73, received_at="2024-01-01 10:00Z")
    assert server.ask().json()["active_tasks"][0]["status"] == "pending"
    site.database.execute(f"UPDATE {TRACKERS} SET began_at = '2024-01-01 10:01Z'")
    wait_until(lambda: server.ask().json()["active_tasks"][0]["status"] == "running", 5, "the change is seen")


def test_addresses_of_the_same_document(server):
    for path in (status_path(73), status_path(73)[:-1], "/api/v1/companies/%37%33/task_status/"):
        assert server.ask(path).json()["company_id"] == 73, path


def test_head_is_get_without_the_body(server):
    answer = server.http.request("HEAD", status_path(73), token=server.token)
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 100


# ---- who ----

def assert_problem(answer, status, title):
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    problem = answer.json()
    assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", title, status)
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


NO_CREDENTIALS = [None, "", "Token", "Token ", "Token wrong", "Token " + "a" * 300, "Token two words", "Bearer abc",
                  "Basic YTpi", "Token\u00e9", "token:abc"]


def test_without_a_valid_credential_nothing_is_said(server):
    for authorization in NO_CREDENTIALS:
        headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
        for path in (status_path(73), status_path(74), status_path("x"), status_path(73) + "?a=b"):
            answer = server.http.get(path, headers=headers)
            assert_problem(answer, 401, "Unauthorized")
            assert answer.headers["www-authenticate"] == 'Token realm="taskbridge"', authorization


def test_the_scheme_is_written_in_any_case(server):
    for scheme in ("Token", "token", "TOKEN", "Token  "):
        assert server.http.get(status_path(73), headers={"Authorization": f"{scheme} {server.token}"}).status == 200


def test_tokens_in_the_address_are_no_credential(server):
    assert server.http.get(status_path(73) + f"?token={server.token}").status == 401


def test_expired_and_revoked_tokens_are_none(site, server):
    for options in ({"expires": "now() - interval '1 s'"}, {"revoked": "now()"}):
        assert server.http.get(status_path(73), token=add_token(site, "ana", **options)).status == 401
    assert server.http.get(status_path(73), token=add_token(site, "ana", expires="now() + interval '1 h'")).status == 200


def test_a_token_that_is_revoked_is_none_from_the_next_request_on(site, server):
    assert server.ask().status == 200
    site.database.execute("UPDATE api_tokens SET revoked_at = now()")
    wait_until(lambda: server.ask().status == 401, 5, "the token is none")


def test_tokens_of_the_command_line_open_their_companies(site, server):
    key = site.cli("token", "create", "--user", "eva", "--company", "73").stdout.strip()
    assert server.http.get(status_path(73), token=key).status == 200
    assert server.http.get(status_path(74), token=key).status == 404


def test_companies_are_seen_by_their_members_alone(site, server):
    add_company(site, 74, "Other Company")
    add_task(site, "ours", 73)
    add_task(site, "theirs", 74)
    allow(site, "bea", 74)
    tokens = {"ana": server.token, "bea": add_token(site, "bea")}
    seen = {(user, company): server.http.get(status_path(company), token=token)
            for user, token in tokens.items() for company in (73, 74)}
    assert {key: answer.status for key, answer in seen.items()} == {
        ("ana", 73): 200, ("ana", 74): 404, ("bea", 73): 404, ("bea", 74): 200}
    assert [task["task_id"] for task in seen["ana", 73].json()["active_tasks"]] == ["ours"]
    assert [task["task_id"] for task in seen["bea", 74].json()["active_tasks"]] == ["theirs"]


def test_company_of_others_and_company_that_is_not_there_are_answered_alike(site, server):
    add_company(site, 74, "Other Company")
    add_task(site, "theirs", 74)
    problems = [assert_problem(server.ask(status_path(company)), 404, "Not Found") for company in (74, 75)]
    for problem in problems:
        del problem["request_id"], problem["instance"]
    assert problems[0] == problems[1]


def test_access_ends_and_begins_with_the_membership(site, server):
    site.database.execute("DELETE FROM company_members")
    wait_until(lambda: server.ask().status == 404, 5, "access ends")
    allow(site, "ana", 73)
    wait_until(lambda: server.ask().status == 200, 5, "access begins")


def test_operators_see_every_company_that_has_a_name_or_a_task(site, server):
    add_task(site, "nameless", 75)
    key = add_token(site, "root", scope="operator")
    answers = {company: server.http.get(status_path(company), token=key) for company in (73, 75, 76)}
    assert {company: answer.status for company, answer in answers.items()} == {73: 200, 75: 200, 76: 404}
    document = answers[75].json()
    assert document["company_name"] is None
    assert [task["task_id"] for task in document["active_tasks"]] == ["nameless"]


def test_the_use_of_a_token_is_noted(site, server):
    query = "SELECT last_used_at FROM api_tokens WHERE user_name = 'ana'"
    assert site.database.value(query) is None
    server.ask()
    first = wait_until(lambda: site.database.value(query), what="the use is noted")
    server.ask()
    assert site.database.value(query) == first


# ---- wrong addresses ----

NO_COMPANIES = ["x", "7x", "73.0", "0x49", "99999999999999999999", "73%00", "73%2F", "%", "%zz", "%4", "73'--", "%C3%B1",
                "%ff", "a" * 5000, "550e8400-e29b-41d4-a716-446655440000"]


def test_company_that_can_be_none_is_named_as_the_wrong_parameter(server):
    for company in NO_COMPANIES:
        problem = assert_problem(server.ask(status_path(company)), 400, "Bad Request")
        assert problem["parameter"] == "company_id", company
        assert problem["detail"] == "The company's id is a number."


def test_companies_with_uuids_where_the_configuration_says_so(site):
    company = "550e8400-e29b-41d4-a716-446655440000"
    site.config["company"] = {"format": "uuid"}
    server = serve(site)
    allow(site, "ana", company)
    add_task(site, "task-1", company)
    assert server.ask(status_path(company.upper())).json()["company_id"] == company
    problem = assert_problem(server.ask(status_path(73)), 400, "Bad Request")
    assert problem["detail"] == "The company's id is a UUID."


def test_parameters_that_nobody_knows_are_borne_as_django_did(server):
    for query in ("x", "a%20b=1&c=2", "%zz=1", "%00=1", "_=1700000000"):
        assert server.ask(status_path(73) + "?" + query).status == 200, query


def test_parameters_that_are_not_there_are_named_elsewhere(server):
    for query, name in (("limit=5", "limit"), ("a%20b=1&c=2", "a b"), ("x", "x"), ("%zz=1", "%zz"), ("%00=1", ""),
                        ("%ff=1", "\ufffd")):
        problem = assert_problem(server.ask("/api/v1/companies/73/tasks/a/?" + query), 400, "Bad Request")
        assert problem["parameter"] == name or name == "", query


NOTHING_THERE = [
    "/", "/api", "/api/v1/companies/73", "/api/v1/companies/73/task_status/x", "/api/v1/companies//task_status/",
    "//api/v1/companies/73/task_status/", "/api/v1/companies/../companies/73/task_status/", "/healthz/x", "/%",
    "/api/v1/companies/73/task_status/%00", "/api/v1/companies/73/task_status//", "/API/v1/companies/73/task_status/",
    "/onboarding", "/onboarding/", "/onboarding/x", "/onboarding/73/x", "/%2e%2e/%2e%2e/etc/passwd"]


def test_nothing_is_at_other_addresses(server):
    for path in NOTHING_THERE:
        problem = assert_problem(server.ask(path), 404, "Not Found")
        assert problem["instance"] == path


def test_other_methods_are_refused_with_those_that_are_allowed(server):
    for path in (status_path(73), "/healthz", "/readyz", "/onboarding/73"):
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW", "get"):
            answer = server.http.request(method, path, token=server.token)
            assert_problem(answer, 405, "Method Not Allowed")
            assert answer.headers["allow"] == "GET, HEAD", (method, path)


# ---- other origins ----

def test_pages_of_allowed_origins_may_read_the_api(site):
    site.config["http"] = {"cors_origins": ["https://app.example.com", "http://localhost:3000"]}
    server = serve(site)
    for path in (status_path(73), status_path(75)):
        answer = server.ask(path, headers={"Origin": "http://localhost:3000"})
        assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    answer = server.http.request("OPTIONS", status_path(73), headers=asked)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
    assert answer.headers["access-control-allow-headers"] == (
        "Authorization, If-None-Match, Last-Event-ID, X-Request-ID")


def test_pages_of_other_origins_may_not(site):
    site.config["http"] = {"cors_origins": ["https://app.example.com"]}
    server = serve(site)
    for origin in ("https://app.example.com.evil.com", "http://app.example.com", "null", "*", ""):
        answer = server.ask(headers={"Origin": origin})
        assert answer.status == 200
        assert "access-control-allow-origin" not in answer.headers, origin
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        assert server.http.request("OPTIONS", status_path(73), headers=asked).status == 405


def test_without_allowed_origins_nothing_is_said_of_them(server):
    answer = server.ask(headers={"Origin": "http://localhost:3000"})
    assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]


# ---- the log ----

def test_each_request_is_a_line_of_the_log_without_its_secrets(site):
    server = serve(site, TASKBRIDGE_LOG_FORMAT="json")
    server.ask(headers={"X-Request-ID": "proxy-1.2:3_4"})
    server.http.get("/nothing?token=abc", headers={"X-Request-ID": "two words"})

    def lines():
        found = [json.loads(line) for line in server.output().splitlines()]
        return [line for line in found if line["message"] == "request" and line["path"] != "/healthz"]

    known, unknown = wait_until(lambda: len(lines()) == 2 and lines(), what="both lines")
    assert known["request_id"] == "proxy-1.2:3_4"
    assert (known["method"], known["path"], known["status"], known["user"]) == ("GET", status_path(73), 200, "ana")
    assert known["bytes"] > 100
    assert 0 < known["ms"] < 20000
    assert (unknown["path"], unknown["status"]) == ("/nothing", 404)
    assert "user" not in unknown
    assert len(unknown["request_id"]) == 36
    assert server.token not in server.output()
    assert "abc" not in server.output()


def test_request_ids_are_echoed_where_they_are_one_word(server):
    answer = server.http.get("/healthz", headers={"X-Request-ID": "a" * 64})
    assert answer.headers["x-request-id"] == "a" * 64
    for id in ("", "a" * 65, "a b", "a<b", "\u00e9"):
        answer = server.http.get("/healthz", headers={"X-Request-ID": id.encode("latin-1")})
        assert len(answer.headers["x-request-id"]) == 36
