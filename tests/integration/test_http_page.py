"""The onboarding page and the addresses of supervisors."""

import base64
import hashlib
import pathlib
import re

import pytest

from harness import free_port
from http_facts import serve

PAGE = pathlib.Path(__file__).resolve().parents[2] / "src" / "http" / "pages" / "onboarding.html"


@pytest.fixture
def server(site):
    return serve(site)


def hash_of(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text).digest()).decode() + "'"


def test_page_is_served_as_it_stands_with_a_policy_for_it_alone(server):
    answer = server.http.get("/onboarding/73")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.body == PAGE.read_bytes()
    (script,) = re.findall(rb"<script>(.*?)</script>", answer.body, re.DOTALL)
    (style,) = re.findall(rb"<style>(.*?)</style>", answer.body, re.DOTALL)
    assert answer.headers["content-security-policy"] == (
        f"default-src 'none'; script-src {hash_of(script)}; style-src {hash_of(style)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-cache"


def test_page_that_a_browser_has_is_not_sent_again(server):
    tag = server.http.get("/onboarding/73").headers["etag"]
    answer = server.http.get("/onboarding/74/", headers={"If-None-Match": tag})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == tag
    assert server.http.get("/onboarding/73", headers={"If-None-Match": '"other"'}).status == 200


def test_page_needs_no_credential_and_no_database(site):
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    server = site.start_http(TASKBRIDGE_DATABASE_URL=away)
    assert server.http.get("/onboarding/73").status == 200


def test_alive_and_ready(server):
    assert server.http.get("/healthz").json() == {"status": "alive"}
    assert server.http.get("/readyz").json() == {"status": "ready"}


def test_a_database_that_was_never_migrated_is_not_ready(bare_site):
    server = bare_site.start_http()
    answer = server.http.get("/readyz")
    assert answer.status == 503
    assert "taskbridge migrate" in answer.json()["detail"]
    assert server.http.get("/healthz").status == 200
    bare_site.cli("migrate")
    assert server.http.get("/readyz").status == 200
