"""A walk over every address of the table, with every kind of credential, to one's own company, another's, one that is not
there and none: what is told of each, in status, body, headers and time."""

import base64
import hashlib
import hmac
import json
import re
import statistics
import time

import pytest

from harness.streams import Stream
from http_facts import add_company, add_task, add_token, allow, serve

SECRET = "a-secret-of-more-than-thirty-two-bytes"
OWN, FOREIGN, UNKNOWN = 73, 74, 75


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def watch_token(company, **claims):
    """As README says how; not by our own code."""
    now = int(time.time())
    head = encode(json.dumps({"alg": "HS256", "typ": "watch+jwt"}).encode())
    body = encode(json.dumps({"aud": "taskbridge", "iat": now, "exp": now + 900, "company": str(company),
                              **claims}).encode())
    signature = hmac.new(SECRET.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"Bearer {head}.{body}.{encode(signature)}"


@pytest.fixture
def server(site):
    site.config["access"] = {"watch": {"secret": SECRET}}
    server = serve(site)
    add_company(site, FOREIGN, "Other Company")
    allow(site, "bea", FOREIGN)
    for company in (OWN, FOREIGN):
        add_task(site, f"task-{company}", company, name="app.work", received_at="2024-01-01Z", root_id=f"task-{company}",
                 root_at="2024-01-01Z", parent_id=None)
        add_task(site, f"child-{company}", company, name="app.work", received_at="2024-01-01Z",
                 root_id=f"task-{company}", root_at="2024-01-01Z", parent_id=f"task-{company}", parent_at="2024-01-01Z")
    server.wait_for("event=changes_heard")
    server.credentials = {
        "none": None, "empty": "", "wrong": "Token " + "0" * 64, "another scheme": "Basic YTpi",
        "expired": "Token " + add_token(site, "ana", expires="now() - interval '1 s'"),
        "revoked": "Token " + add_token(site, "ana", revoked="now()"),
        "member": "Token " + server.token, "stranger": "Token " + add_token(site, "carl"),
        "watch": watch_token(OWN), "watch, expired": watch_token(OWN, iat=1, exp=2),
        "watch, forged": watch_token(OWN)[:-4] + "AAAA", "watch, one task": watch_token(OWN, tasks=[f"task-{OWN}"]),
        "operator": "Token " + add_token(site, "root", scope="operator")}
    return server


VALID = {"member", "stranger", "watch", "watch, one task", "operator"}
SEES_OWN = {"member", "watch", "watch, one task", "operator"}


def addresses(server, company):
    """Every address of the table for this company and its tasks, with whether it needs a credential."""
    description = server.http.get("/api/v1/openapi.json").json()
    for pattern, methods in description["paths"].items():
        places = {"company_id": company, "task_id": f"task-{company}", "root_id": f"task-{company}"}
        yield pattern, re.sub(r"\{(\w+)\}", lambda match: str(places[match.group(1)]), pattern), \
            methods["get"].get("security") != []


def ask(server, path, credential):
    """Status, headers and body, or for a stream its first bytes; what is another in each answer taken out."""
    headers = {"Connection": "close"}
    if credential is not None:
        headers["Authorization"] = credential
    if path.endswith("/ws"):
        headers.update({"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
    with Stream(server.url, path, headers) as stream:
        if stream.status in (101, 200) and path.endswith(("/ws", "/stream")):
            while b"active_tasks" not in stream.buffer:
                stream.more()
        else:
            stream.buffer = stream.read_bytes(int(stream.headers.get("content-length", 0)))
        return stream.status, stream.headers, stream.buffer.decode("utf-8", "replace")


def comparable(answer, path):
    status, headers, body = answer
    headers = {name: value for name, value in headers.items() if name not in ("date", "x-request-id", "content-length")}
    body = re.sub(r'"request_id":"[^"]*"', "", body).replace(path, "PATH")
    return status, headers, body


def test_a_company_that_is_not_ones_own_is_not_there_on_any_address(server):
    seen = 0
    for (pattern, foreign, guarded), (_, unknown, _), (_, own, _) in zip(
            addresses(server, FOREIGN), addresses(server, UNKNOWN), addresses(server, OWN)):
        if not guarded:
            continue
        for name, credential in server.credentials.items():
            answers = {company: ask(server, path, credential)
                       for company, path in ((OWN, own), (FOREIGN, foreign), (UNKNOWN, unknown))}
            where = (pattern, name)
            if name not in VALID:
                assert [answer[0] for answer in answers.values()] == [401] * 3, where
                assert comparable(answers[OWN], own) == comparable(answers[FOREIGN], foreign), where
            elif name != "operator":
                assert answers[FOREIGN][0] == 404, where
                assert answers[OWN][0] in ((200, 101) if name in SEES_OWN else (404,)), where
            else:
                assert answers[OWN][0] in (200, 101) and answers[FOREIGN][0] in (200, 101), where
                assert answers[UNKNOWN][0] == 404, where
            if name != "operator":
                assert comparable(answers[FOREIGN], foreign) == comparable(answers[UNKNOWN], unknown), where
                text = "".join(answer[2] for answer in answers.values()).replace(foreign, "")
                assert "Other Company" not in text and f"child-{FOREIGN}" not in text, where
            seen += 1
    assert seen >= 5 * len(server.credentials)


def test_tasks_of_another_company_are_not_reached_through_ones_own(site, server):
    # A child that says it belongs to our flow, and is another company's.
    add_task(site, "spy", FOREIGN, name="app.work", received_at="2024-01-01Z", root_id=f"task-{OWN}",
             root_at="2024-01-01Z", parent_id=f"task-{OWN}", parent_at="2024-01-01Z")
    for path in (f"/api/v1/companies/{OWN}/tasks/task-{FOREIGN}/", f"/api/v1/companies/{OWN}/flows/task-{FOREIGN}/",
                 f"/api/v1/companies/{OWN}/tasks/spy/"):
        assert server.ask(path).status == 404, path
    task = server.ask(f"/api/v1/companies/{OWN}/tasks/task-{OWN}/").json()
    assert task["children"] == [f"child-{OWN}"]
    flow = server.ask(f"/api/v1/companies/{OWN}/flows/task-{OWN}/").json()
    assert [each["task_id"] for each in flow["tasks"]] == [f"task-{OWN}", f"child-{OWN}"]


def test_a_watch_token_of_one_task_sees_that_task_alone(server):
    headers = {"Authorization": server.credentials["watch, one task"]}
    document = server.http.get(f"/api/v1/companies/{OWN}/task_status/", headers=headers).json()
    assert [task["task_id"] for task in document["active_tasks"]] == [f"task-{OWN}"]
    assert document["summary"]["total_tasks"] == 1
    assert server.http.get(f"/api/v1/companies/{OWN}/tasks/child-{OWN}/", headers=headers).status == 404
    assert server.http.get(f"/api/v1/companies/{OWN}/tasks/task-{OWN}/", headers=headers).json()["children"] == []
    flow = server.http.get(f"/api/v1/companies/{OWN}/flows/task-{OWN}/", headers=headers).json()
    assert [task["task_id"] for task in flow["tasks"]] == [f"task-{OWN}"]
    for wider in (f"?task_type=other", "?status=failed"):
        narrowed = server.http.get(f"/api/v1/companies/{OWN}/task_status/{wider}", headers=headers).json()
        assert narrowed["summary"]["total_tasks"] == 0


def test_neither_is_known_by_the_time_it_takes(server):
    times = {FOREIGN: [], UNKNOWN: []}
    for _ in range(150):
        for company, measured in times.items():
            began = time.perf_counter()
            assert server.ask(f"/api/v1/companies/{company}/task_status/").status == 404
            measured.append(time.perf_counter() - began)
    foreign, unknown = (statistics.median(times[company]) for company in (FOREIGN, UNKNOWN))
    assert abs(foreign - unknown) < max(0.25 * unknown, 0.0005), (foreign, unknown)
