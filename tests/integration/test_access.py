"""Who may see what: the product's users by its tables, its own answer and its tokens, and browsers by watch tokens."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec as crypto
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from harness import wait_until
from http_facts import add_company, add_task, add_token, open_socket, send_raw, serve, status_of, status_path

SECRET = "0123456789abcdef0123456789abcdef"
OTHER_SECRET = "ffffffffffffffffffffffffffffffff"
# Seconds until what the product says now holds: five, and one for the machine.
AT_MOST = 6


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(claims, secret=SECRET, **header):
    """A JSON Web Token, written here from its standard."""
    signing = ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "HS256", **header}, claims))
    return signing + "." + b64(hmac.new(secret.encode(), signing.encode(), hashlib.sha256).digest())


def lives(seconds=600, **claims):
    now = int(time.time())
    return {"iat": now, "exp": now + seconds, **claims}


def watch_token(secret=SECRET, **claims):
    return token({"aud": "taskbridge", **lives(), **claims}, secret, typ="watch+jwt")


def status(server, company=73, **options):
    return server.http.get(status_path(company), **options).status


def see(server, company=73, **options):
    """Until the answer is there that is expected now."""
    wanted = options.pop("wanted")
    wait_until(lambda: status(server, company, **options) == wanted, AT_MOST, f"company {company} gives {wanted}")


# ---- the product's tables ----

PRODUCT_TABLES = """
CREATE TABLE public.auth_user (id serial PRIMARY KEY, username varchar(150) UNIQUE, is_active boolean DEFAULT true,
    is_staff boolean DEFAULT false);
CREATE TABLE public.authtoken_token (key varchar(40) PRIMARY KEY, created timestamptz DEFAULT now(),
    user_id integer UNIQUE REFERENCES public.auth_user);
CREATE TABLE public.crm_company (id bigserial PRIMARY KEY, name varchar(200));
CREATE TABLE public.crm_membership (id bigserial PRIMARY KEY, user_id integer REFERENCES public.auth_user,
    company_id bigint REFERENCES public.crm_company ON DELETE CASCADE);
INSERT INTO public.auth_user (id, username, is_staff) VALUES (1, 'ana', false), (2, 'bea', false), (3, 'root', true);
INSERT INTO public.crm_company (id, name) VALUES (73, 'Panadería Ñandú'), (74, 'Other');
INSERT INTO public.crm_membership (user_id, company_id) VALUES (1, 73), (2, 74);
INSERT INTO public.authtoken_token (key, user_id) VALUES
    ('a000000000000000000000000000000000000001', 1), ('b000000000000000000000000000000000000002', 2),
    ('c000000000000000000000000000000000000003', 3);
"""
QUESTIONS = {
    "user": "SELECT u.id, CASE WHEN u.is_staff THEN 'operator' END\n"
            "FROM authtoken_token t JOIN auth_user u ON u.id = t.user_id\nWHERE t.key = $1 AND u.is_active",
    "sees": "SELECT 1 FROM crm_membership WHERE user_id = $1 AND company_id = $2",
    "company_name": "SELECT name FROM crm_company WHERE id = $1",
}


def key_of(letter, number):
    return letter + "0" * 38 + str(number)


@pytest.fixture
def product(site):
    """A site in whose database a product has its users, DRF's tokens and companies; and a server that asks them."""
    site.database.execute(PRODUCT_TABLES)
    site.config["access"] = {"sql": dict(QUESTIONS)}
    return site


@pytest.fixture
def asking(product):
    server = serve(product)
    for company in (73, 74):
        add_task(product, f"task-{company}", company)
    return server


def test_users_of_the_product_see_their_companies_with_their_own_tokens(asking):
    answer = asking.http.get(status_path(73), token=key_of("a", 1))
    assert answer.status == 200
    document = answer.json()
    assert [task["task_id"] for task in document["active_tasks"]] == ["task-73"]
    assert document["company_name"] == "Panadería Ñandú"
    assert status(asking, 74, token=key_of("b", 2)) == 200
    assert status(asking, 74, token=key_of("a", 1)) == 404
    assert status(asking, 73, token=key_of("b", 2)) == 404
    assert status(asking, 99, token=key_of("a", 1)) == 404
    # An operator of the product's sees both.
    assert [status(asking, company, token=key_of("c", 3)) for company in (73, 74)] == [200, 200]


def test_own_tokens_stay_beside_the_products(asking):
    assert asking.ask().status == 200


def test_keys_are_bound_and_never_part_of_the_question(asking):
    for key in ("' OR true --", "x';DROP/**/TABLE/**/auth_user;--", "%", "$1", key_of("a", 1) + "'", "\\x00",
                "a" * 256, key_of("a", 1).upper()):
        assert status(asking, token=key) == 401, key
    assert status(asking, token=key_of("a", 1)) == 200


def test_access_that_the_product_takes_away_ends_within_five_seconds(product, asking):
    key = key_of("a", 1)
    assert status(asking, token=key) == 200
    product.database.execute("DELETE FROM public.crm_membership WHERE user_id = 1")
    see(asking, token=key, wanted=404)
    product.database.execute("INSERT INTO public.crm_membership (user_id, company_id) VALUES (1, 73)")
    see(asking, token=key, wanted=200)
    product.database.execute("UPDATE public.auth_user SET is_active = false WHERE id = 1")
    see(asking, token=key, wanted=401)
    product.database.execute("UPDATE public.auth_user SET is_active = true WHERE id = 1")
    see(asking, token=key, wanted=200)
    product.database.execute("DELETE FROM public.authtoken_token WHERE user_id = 1")
    see(asking, token=key, wanted=401)


def test_questions_only_read_and_end_in_time(product):
    product.database.execute("CREATE TABLE public.seen (key text); CREATE FUNCTION public.note(k text) RETURNS boolean "
                             "LANGUAGE sql AS $$ INSERT INTO public.seen VALUES (k) RETURNING true $$")
    product.config["access"] = {"sql": {"user": "SELECT note($1)", "sees": "SELECT true WHERE $1 || $2 <> ''"}}
    server = serve(product)
    answer = server.http.get(status_path(73), token="whoever")
    assert answer.status == 503 and answer.headers["retry-after"] == "1"
    assert "access.sql.user" in server.output() and "read-only" in server.output()
    assert product.database.value("SELECT count(*) FROM public.seen") == 0
    server.close()

    product.config["access"] = {"sql": {"user": "SELECT pg_sleep(30), $1", "sees": "SELECT $1 || $2", "timeout_ms": 200}}
    server = serve_again(product)
    before = time.monotonic()
    assert status(server, token="whoever") == 503
    assert time.monotonic() - before < 20
    assert "access.sql.user" in server.output() and "statement timeout" in server.output()
    # Nobody else waits for it.
    assert server.http.get("/healthz").status == 200
    assert status(server, token=server.token) == 200


def serve_again(site):
    """Where company 73 and ana are there already."""
    server = site.start_http()
    server.token = add_token(site, "ana")
    return server


def test_a_company_that_no_column_could_hold_is_not_seen(product):
    product.config["company"] = {"format": "slug"}
    server = serve(product)
    assert status(server, "acme", token=key_of("a", 1)) == 404
    assert status(server, "9" * 30, token=key_of("a", 1)) == 404
    assert status(server, 73, token=key_of("a", 1)) == 200


def test_a_question_that_is_wrong_is_named(product):
    product.config["access"]["sql"]["sees"] = "SELECT 1 FROM memberships WHERE user_id = $1 AND company_id = $2"
    server = serve(product)
    assert status(server, token=key_of("a", 1)) == 503
    wait_until(lambda: "access.sql.sees" in server.output() and "memberships" in server.output(), 10, "the log says so")
    assert status(server, token=server.token) == 200


def test_what_is_known_costs_the_database_nothing(product, asking):
    assert status(asking, token=key_of("a", 1)) == 200
    scans = "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'authtoken_token'"
    before = time.monotonic()
    for _ in range(200):
        assert status(asking, token=key_of("a", 1)) == 200
    took = time.monotonic() - before
    product.database.execute("SELECT pg_stat_clear_snapshot()")
    wait_until(lambda: product.database.value(scans) >= 1, 20, "the statistics are there")
    # Each answer holds for less than five seconds.
    assert product.database.value(scans) <= took / 4 + 4


# ---- the product's answer ----

class Product:
    """A small product: who has the session cookie or key of a user sees that user's companies."""

    def __init__(self):
        self.sessions = {"s-ana": {"73"}, "s-bea": {"74"}}
        self.answer = None  # what it says instead: status, headers, or a function that hangs
        self.requests = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                owner.requests.append((self.path, dict(self.headers)))
                owner.respond(self)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/companies/{{company_id}}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def respond(self, handler):
        if callable(self.answer):
            self.answer(handler)
            return
        code, headers = self.answer or (self.code(handler), {})
        body = b'{"detail": "whatever"}'
        handler.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def code(self, handler):
        cookies = dict(part.strip().split("=", 1) for part in handler.headers.get("Cookie", "").split(";") if "=" in part)
        session = cookies.get("sessionid") or handler.headers.get("Authorization", "").removeprefix("Session ")
        if session not in self.sessions:
            return 401
        return 200 if handler.path.split("/")[2] in self.sessions[session] else 404

    def die(self):
        """It answers nobody any more, on connections that are open neither."""
        self.answer = lambda handler: setattr(handler, "close_connection", True)
        self.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def shop():
    shop = Product()
    yield shop
    shop.close()


@pytest.fixture
def forwarding(site, shop):
    site.config["access"] = {"forward": {"url": shop.url, "cookies": ["sessionid"], "timeout_ms": 1000}}
    server = serve(site)
    add_company(site, 74, "Other Company")
    for company in (73, 74):
        add_task(site, f"task-{company}", company)
    return server


def cookie(session, more=""):
    return {"Cookie": f"sessionid={session}{more}"}


def test_who_the_product_lets_in_sees_the_company(forwarding):
    answer = forwarding.http.get(status_path(73), headers=cookie("s-ana"))
    assert answer.status == 200
    assert [task["task_id"] for task in answer.json()["active_tasks"]] == ["task-73"]
    assert status(forwarding, 74, headers=cookie("s-bea")) == 200
    assert status(forwarding, 74, headers=cookie("s-ana")) == 404
    assert status(forwarding, 99, headers=cookie("s-ana")) == 404
    assert status(forwarding, 73, headers=cookie("s-nobody")) == 401
    assert status(forwarding, 73, headers={"Authorization": "Session s-ana"}) == 200
    assert forwarding.ask().status == 200


def test_only_what_is_listed_leaves(forwarding, shop):
    headers = {**cookie("s-ana", "; csrftoken=secret; _ga=1"), "X-Secret": "no", "Referer": "http://a/"}
    assert status(forwarding, 73, headers=headers) == 200
    path, sent = shop.requests[0]
    assert path == "/companies/73/"
    assert sent["Cookie"] == "sessionid=s-ana"
    assert set(sent) == {"Host", "User-Agent", "Accept", "Cookie"}
    # Nothing to show: the product is not asked.
    assert status(forwarding, 73, headers={"Cookie": "csrftoken=secret; _ga=1"}) == 401
    assert len(shop.requests) == 1


def test_the_product_is_asked_once_for_many(forwarding, shop):
    gate = threading.Event()

    def slowly(handler):
        gate.wait(20)
        shop.answer = None
        shop.respond(handler)

    shop.answer = slowly
    found = []
    tabs = [threading.Thread(target=lambda: found.append(status(forwarding, 73, headers=cookie("s-ana"))))
            for _ in range(20)]
    for tab in tabs:
        tab.start()
    wait_until(lambda: shop.requests, 10, "the product is asked")
    gate.set()
    for tab in tabs:
        tab.join(20)
    assert found == [200] * 20
    assert len(shop.requests) <= 3
    for _ in range(50):
        assert status(forwarding, 73, headers=cookie("s-ana")) == 200
    assert len(shop.requests) <= 6


def test_access_that_the_product_denies_from_now_on_ends_within_five_seconds(forwarding, shop):
    assert status(forwarding, 73, headers=cookie("s-ana")) == 200
    shop.sessions["s-ana"] = set()
    see(forwarding, headers=cookie("s-ana"), wanted=404)
    del shop.sessions["s-ana"]
    see(forwarding, headers=cookie("s-ana"), wanted=401)
    shop.sessions["s-ana"] = {"73"}
    see(forwarding, headers=cookie("s-ana"), wanted=200)


def test_a_login_page_is_no_permission(forwarding, shop):
    shop.answer = (302, {"Location": "/login/"})
    assert status(forwarding, 73, headers=cookie("s-ana")) == 401
    assert [path for path, _ in shop.requests] == ["/companies/73/"]


def test_a_product_that_is_away_is_a_503_and_nobody_else_waits(forwarding, shop):
    for answer in ((500, {}), (502, {}), (429, {}), (204, {}), lambda handler: time.sleep(3)):
        shop.answer = answer
        answered = forwarding.http.get(status_path(73), headers=cookie("s-ana"))
        assert answered.status == 503 and int(answered.headers["retry-after"]) >= 1
        assert forwarding.ask().status == 200
    shop.answer = None
    see(forwarding, headers=cookie("s-ana"), wanted=200)
    shop.die()
    see(forwarding, headers=cookie("s-ana"), wanted=503)


def test_the_company_stays_within_the_address(site, shop):
    site.config["access"] = {"forward": {"url": shop.url + "?c={company_id}"}}
    site.config["company"] = {"format": "slug"}
    server = serve(site)
    for company in ("..%2F..%2Fadmin", "73%2F..", "73%3Fa", "%0d%0aX:1"):
        assert status(server, company, headers=cookie("s-ana")) in (400, 401, 404)
    assert status(server, 73, headers=cookie("s-ana")) == 200
    assert {path for path, _ in shop.requests} <= {"/companies/73/?c=73"}


# ---- the product's tokens ----

@pytest.fixture
def signing(site):
    site.config["access"] = {"jwt": {"secret": SECRET, "rights_claim": "role"}}
    server = serve(site)
    add_company(site, 74, "Other Company")
    return server


def test_tokens_of_the_product_open_the_companies_they_list(signing):
    right = lives(sub="ana", companies=[73])
    assert status(signing, 73, bearer=token(right)) == 200
    assert status(signing, 74, bearer=token(right)) == 404
    assert status(signing, 74, bearer=token({**right, "companies": [], "role": "operator"})) == 200
    # Without a list the user's own memberships count.
    assert status(signing, 73, bearer=token(lives(sub="ana"))) == 200
    assert status(signing, 74, bearer=token(lives(sub="ana"))) == 404
    assert status(signing, 73, bearer=token(lives(sub="bea"))) == 404


def test_tokens_that_are_wrong_are_refused_with_a_challenge(signing):
    right = lives(sub="ana", companies=[73])
    wrong = [token(right, OTHER_SECRET), token({**right, "exp": int(time.time()) - 60}), token({"sub": "ana"}),
             token({**right, "exp": str(right["exp"])}), token({**right, "nbf": int(time.time()) + 60}),
             token({**right, "aud": "other"}), token(right, typ="watch+jwt"), token(right, crit=["exp"]),
             token(right, alg="none").rsplit(".", 1)[0] + ".", token(right, alg="none"), token(right) + "x",
             token(right, cty="JWT"), "e30.e30.e30.e30.e30", "opaque", watch_token(company=73)]
    for bearer in wrong:
        answer = signing.http.get(status_path(73), bearer=bearer)
        assert answer.status == 401, bearer
        assert answer.headers["www-authenticate"].endswith(
            ('Bearer realm="taskbridge"', 'error="invalid_token"', 'error_description="the token has expired"'))
    expired = signing.http.get(status_path(73), bearer=wrong[1])
    assert expired.headers["www-authenticate"] == ('Bearer realm="taskbridge", error="invalid_token", '
                                                   'error_description="the token has expired"')


def test_a_token_that_expires_opens_nothing_any_more(site):
    site.config["access"] = {"jwt": {"secret": SECRET, "leeway_s": 0}}
    server = serve(site)
    short = token(lives(3, sub="ana", companies=[73]))
    assert status(server, 73, bearer=short) == 200
    see(server, bearer=short, wanted=401)


def test_keys_of_the_product_are_read_again_when_they_change(site):
    keys = site.directory / "secrets"
    keys.write_text(SECRET + "\n", encoding="utf-8")
    site.config["access"] = {"jwt": {"secret_file": str(keys)}}
    server = serve(site)
    old, new = (token(lives(sub="ana", companies=[73]), secret) for secret in (SECRET, OTHER_SECRET))
    assert (status(server, bearer=old), status(server, bearer=new)) == (200, 401)
    keys.write_text(f"{OTHER_SECRET}\n{SECRET}\n", encoding="utf-8")
    see(server, bearer=new, wanted=200)
    assert status(server, bearer=old) == 200
    # A file that went wrong locks nobody out.
    keys.write_text("short\n", encoding="utf-8")
    wait_until(lambda: "the keys stay as they were" in server.output(), 10, "the log says so")
    assert status(server, bearer=new) == 200
    keys.write_text(OTHER_SECRET + "\n", encoding="utf-8")
    see(server, bearer=old, wanted=401)
    assert status(server, bearer=new) == 200


def test_key_sets_are_fetched_and_new_keys_found(site):
    def make(kid):
        key = crypto.generate_private_key(crypto.SECP256R1())
        numbers = key.public_key().public_numbers()
        return key, {"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": b64(numbers.x.to_bytes(32, "big")),
                     "y": b64(numbers.y.to_bytes(32, "big"))}

    def sign(key, kid):
        signing = ".".join(b64(json.dumps(part).encode())
                           for part in ({"alg": "ES256", "kid": kid}, lives(sub="ana", companies=[73])))
        r, s = decode_dss_signature(key.sign(signing.encode(), crypto.ECDSA(hashes.SHA256())))
        return signing + "." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    (first, first_jwk), (second, second_jwk) = make("1"), make("2")
    published, asked = [first_jwk], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = json.dumps({"keys": published}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    publisher = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=publisher.serve_forever, daemon=True).start()
    try:
        site.config["access"] = {"jwt": {"jwks_url": f"http://127.0.0.1:{publisher.server_port}/jwks"}}
        server = serve(site)
        assert status(server, bearer=sign(first, "1")) == 200
        assert status(server, bearer=sign(second, "1")) == 401
        # A secret of the attacker's choice: the published key itself.
        assert status(server, bearer=token(lives(sub="ana", companies=[73]), json.dumps(first_jwk), kid="1")) == 401
        published[:] = [first_jwk, second_jwk]
        wait_until(lambda: status(server, bearer=sign(second, "2")) == 200, 20, "the new key is found")
        before = len(asked)
        for number in range(50):
            status(server, bearer=sign(second, f"unknown-{number}"))
        assert len(asked) - before <= 1
    finally:
        publisher.shutdown()
        publisher.server_close()


# ---- watch tokens ----

@pytest.fixture
def watched(site):
    site.config["access"] = {"watch": {"secret": SECRET}}
    server = serve(site)
    add_company(site, 74, "Other Company")
    add_task(site, "sync-1", 73, name="app.sync")
    add_task(site, "other-1", 73, name="app.other")
    return server


def seen(server, bearer, company=73):
    answer = server.http.get(status_path(company), bearer=bearer)
    return sorted(task["task_id"] for task in answer.json()["active_tasks"]) if answer.status == 200 else answer.status


def test_a_watch_token_sees_its_company_or_what_it_names_of_it(watched):
    assert seen(watched, watch_token(company="73")) == ["other-1", "sync-1"]
    assert seen(watched, watch_token(company=73)) == ["other-1", "sync-1"]
    assert seen(watched, watch_token(company="73", tasks=["sync-1"])) == ["sync-1"]
    assert seen(watched, watch_token(company="73", types=["other"])) == ["other-1"]
    assert seen(watched, watch_token(company="73", tasks=["sync-1"], types=["other"])) == []
    assert seen(watched, watch_token(company="73"), 74) == 404


def test_a_watch_token_without_a_scope_sees_nothing(watched):
    now = int(time.time())
    for claims in ({}, {"company": None}, {"company": ""}, {"company": ["73"]}, {"company": "73", "tasks": []},
                   {"company": "73", "types": None}, {"company": "73", "flow": ""}, {"companies": ["73"]},
                   {"company": "73", "exp": now + 90000}, {"company": "73", "aud": "other"},
                   {"company": "73", "aud": None}, {"company": "73", "exp": now - 60}):
        assert seen(watched, watch_token(**claims)) == 401, claims
    assert seen(watched, watch_token(OTHER_SECRET, company="73")) == 401
    assert seen(watched, token({"aud": "taskbridge", **lives(company="73")})) == 401


def test_the_operators_hand_signs_watch_tokens(site, watched):
    bearer = site.cli("token", "watch", "--company", 73, "--type", "sync", "--user", "ana").stdout.strip()
    assert seen(watched, bearer) == ["sync-1"]
    site.config["access"] = {}
    assert "access.watch.secret" in site.cli("token", "watch", "--company", 73, check=1).stderr
    site.config["access"] = {"watch": {"secret": SECRET}}
    assert site.cli("token", "watch", "--company", 73, "--ttl", "2d", check=2).stderr.count("--ttl")


# ---- streams ----

class Stream:
    """A stream of a company's, read until the server ends it."""

    def __init__(self, server, **headers):
        self.connection = server.http.connect(60)
        self.connection.request("GET", status_path(73) + "stream", headers=headers)
        self.response = self.connection.getresponse()
        assert self.response.status == 200
        self.text = b""
        self.ended = False
        threading.Thread(target=self.read, daemon=True).start()
        wait_until(lambda: b"data:" in self.text, 10, "the stream's first document")

    def read(self):
        while part := self.response.read1(65536):
            self.text += part
        self.ended = True

    def assert_ends(self):
        """Within five seconds; a little more for the machine."""
        wait_until(lambda: self.ended, AT_MOST, "the stream's end")
        assert b"event: refused" in self.text


def test_streams_of_own_tokens_end_with_the_access(site):
    server = serve(site)
    add_task(site, "task-1", 73)
    add_token_of = {user: add_token(site, user) for user in ("ana", "eva")}
    site.database.execute("INSERT INTO company_members (user_name, company_id) VALUES ('eva', '73')")
    revoked, denied = (Stream(server, Authorization=f"Token {add_token_of[user]}") for user in ("ana", "eva"))
    stays = Stream(server, Authorization=f"Token {server.token}")
    site.database.execute("UPDATE api_tokens SET revoked_at = now() WHERE token_sha256 = sha256(%s::bytea)",
                          (add_token_of["ana"],))
    revoked.assert_ends()
    site.database.execute("DELETE FROM company_members WHERE user_name = 'eva'")
    denied.assert_ends()
    assert not stays.ended
    passing = Stream(server, Authorization="Token " + add_token(site, "ana", expires="now() + interval '2 s'"))
    passing.assert_ends()
    assert not stays.ended


def test_streams_of_the_products_users_end_with_the_access(product, asking):
    ana = Stream(asking, Authorization="Token " + key_of("a", 1))
    root = Stream(asking, Authorization="Token " + key_of("c", 3))
    product.database.execute("DELETE FROM public.crm_membership WHERE user_id = 1")
    ana.assert_ends()
    assert not root.ended
    product.database.execute("UPDATE public.auth_user SET is_staff = false WHERE id = 3")
    root.assert_ends()


def test_streams_end_when_the_product_says_no_or_nothing(forwarding, shop):
    denied = Stream(forwarding, **cookie("s-ana"))
    shop.sessions["s-eva"] = {"73"}
    eva = Stream(forwarding, **cookie("s-eva"))
    shop.sessions["s-ana"] = set()
    denied.assert_ends()
    # It is asked again and again, and goes on as long as it is confirmed.
    before = len(shop.requests)
    wait_until(lambda: len(shop.requests) >= before + 3, 30, "the product is asked again")
    assert not eva.ended
    shop.die()
    eva.assert_ends()


def test_signed_tokens_end_with_the_access_that_is_denied_since(site, watched):
    def call(function, *arguments):
        places = ", ".join(["%s"] * len(arguments))
        site.database.execute(f"SELECT taskbridge.{function}({places})", arguments)

    def made_before(user):
        return watch_token(company="73", sub=user, iat=int(time.time()) - 5)

    streams = {user: Stream(watched, Authorization="Bearer " + made_before(user)) for user in ("ana", "eva", "bea")}
    call("company_deny", "ana", "73")
    streams["ana"].assert_ends()
    assert seen(watched, made_before("ana")) == 404
    call("user_remove", "eva")
    streams["eva"].assert_ends()
    assert not streams["bea"].ended
    # One that is made later is the product's word again.
    assert seen(watched, watch_token(company="73", sub="ana", iat=int(time.time()) + 2)) == ["other-1", "sync-1"]
    call("company_remove", "73")
    streams["bea"].assert_ends()
    assert seen(watched, watch_token(company="73")) == 404


def test_streams_end_when_their_token_expires(watched):
    stream = Stream(watched, Authorization="Bearer " + watch_token(company="73", exp=int(time.time()) + 3))
    wait_until(lambda: stream.ended, 3 + AT_MOST, "the stream's end")
    assert b"event: refused" in stream.text


def test_a_database_that_restarts_ends_no_stream(product, asking):
    stream = Stream(asking, Authorization="Token " + key_of("a", 1))
    own = Stream(asking, Authorization=f"Token {asking.token}")
    product.admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND "
                          "application_name LIKE 'taskbridge-http%%'", (product.name,))
    see(asking, token=key_of("a", 1), wanted=200)
    assert not stream.ended and not own.ended


def test_rights_of_own_tokens(site, watched):
    for right in ("viewer", "operator", "admin"):
        made = json.loads(site.cli("token", "create", "--user", "ops", f"--{right}", "--json").stdout)
        assert made["scope"] == right
        assert [status(watched, company, token=made["token"]) for company in (73, 74)] == [200, 200]


def test_the_python_package_mints_what_is_taken(site, watched):
    def mint(arguments, **variables):
        script = f"from taskbridge_celery import watch_token; print(watch_token({arguments}))"
        return site.python("-c", script, **variables).strip()

    with_secret = {"TASKBRIDGE_ACCESS_WATCH_SECRET": SECRET}
    assert seen(watched, mint("73", **with_secret)) == ["other-1", "sync-1"]
    assert seen(watched, mint("73, types=['sync'], ttl=60, user='ana'", **with_secret)) == ["sync-1"]
    assert seen(watched, mint("'73', tasks=['other-1']", **with_secret)) == ["other-1"]
    assert seen(watched, mint("74", **with_secret)) == 404
    assert seen(watched, mint(f"73, secret='{OTHER_SECRET}'")) == 401


# ---- who guesses ----

def test_who_guesses_waits_and_who_is_known_does_not(site):
    site.config["access"] = {"wrong_max": 5}
    server = serve(site)
    assert server.ask().status == 200
    answers = [server.http.get(status_path(73), token=f"guess-{number}") for number in range(8)]
    assert [answer.status for answer in answers][:5] == [401] * 5
    assert answers[-1].status == 429
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 3
    assert server.ask().status == 200
    # Even the right one is not looked at while somebody guesses from there, and is soon.
    other = add_token(site, "ana")
    wait_until(lambda: status(server, token=other) == 200, 20, "a new key is let in")


def test_who_goes_on_asking_with_the_same_wrong_one_holds_nobody_off(site):
    site.config["access"] = {"wrong_max": 5}
    server = serve(site)
    for _ in range(30):
        assert status(server, token="stale") == 401
    assert status(server, token=add_token(site, "ana")) == 200


def test_guesses_count_by_the_address_behind_the_proxies_that_are_trusted(site):
    site.config["access"] = {"wrong_max": 3}
    site.config.setdefault("http", {})["trusted_proxies"] = ["127.0.0.1/32"]
    server = serve(site)

    def guess(client, number):
        return status(server, token=f"guess-{client}-{number}", headers={"X-Forwarded-For": client})

    assert [guess("2001:db8:1:1::1", number) for number in range(4)] == [401, 401, 401, 429]
    assert guess("2001:db8:1:1:ffff::2", 0) == 429
    assert guess("2001:db8:1:2::1", 0) == 401
    assert guess("198.51.100.7", 0) == 401


# ---- one credential, and in its place ----

def test_credentials_stand_in_one_header_alone(site, watched):
    key, bearer = watched.token, watch_token(company="73")
    path = status_path(73)
    for query in (f"?token={key}", f"?access_token={bearer}", f"?authorization=Token%20{key}", f"?key={key}"):
        assert watched.http.get(path + query).status == 401
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    for second in (f"Token {key}", "Token wrong", f"Bearer {bearer}"):
        raw = f"{head}Authorization: Token {key}\r\nauthorization: {second}\r\n\r\n"
        assert status_of(send_raw(watched, raw.encode())) == 400
    assert status_of(send_raw(watched, f"{head}Authorization: Token {key}\r\n\r\n".encode())) == 200


def open_websocket(server, *headers, query=""):
    """The answer's head, and the bytes of the first frame's text."""
    key = base64.b64encode(b"0123456789abcdef").decode()
    lines = [f"GET {status_path(73)}ws{query} HTTP/1.1", "Host: " + server.url.removeprefix("http://"),
             "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
             *headers]
    with open_socket(server) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        received = b""
        while not received.startswith(b"HTTP/1.1 101") and b"\r\n\r\n" not in received or received.count(b"{") == 0:
            part = connection.recv(65536)
            if not part:
                break
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.decode(), body


def test_a_websocket_brings_its_credential_as_a_subprotocol(watched):
    bearer, key = watch_token(company="73", tasks=["sync-1"]), watched.token
    code, head, body = open_websocket(watched, f"Sec-WebSocket-Protocol: taskbridge, bearer.{bearer}")
    assert code == 101 and b"sync-1" in body and b"other-1" not in body
    # The server picks the protocol, and never repeats the credential.
    assert "sec-websocket-protocol: taskbridge" in head.lower() and bearer not in head
    assert open_websocket(watched, f"Sec-WebSocket-Protocol: taskbridge, token.{key}")[0] == 101
    assert open_websocket(watched, f"Authorization: Token {key}")[0] == 101
    assert open_websocket(watched)[0] == 401
    assert open_websocket(watched, "Sec-WebSocket-Protocol: taskbridge, token.wrong")[0] == 401
    assert open_websocket(watched, query=f"?token={key}")[0] in (400, 401)
    for twice in (f"token.{key}, bearer.{bearer}", f"token.{key}, token.{key}"):
        assert open_websocket(watched, f"Sec-WebSocket-Protocol: taskbridge, {twice}")[0] == 400
    assert open_websocket(watched, f"Authorization: Token {key}", f"Sec-WebSocket-Protocol: token.{key}")[0] == 400
    # Elsewhere it is no credential.
    assert status(watched, headers={"Sec-WebSocket-Protocol": f"token.{key}"}) == 401


def test_a_cookie_opens_no_websocket_for_a_stranger_s_page(forwarding):
    session = "Cookie: sessionid=s-ana"
    assert open_websocket(forwarding, session)[0] == 101
    assert open_websocket(forwarding, session, f"Origin: {forwarding.url}")[0] == 101
    assert open_websocket(forwarding, session, "Origin: https://evil.example")[0] == 401


# ---- what `taskbridge check` and `doctor` say ----

def lines_of(text, site, name="keys"):
    path = site.directory / name
    path.write_text(text, encoding="utf-8")
    return str(path)


WRONG = [
    (lambda site: {"jwt": {"secret_file": "/nowhere/a"}}, "access.jwt.secret_file: /nowhere/a"),
    (lambda site: {"jwt": {"jwks_file": "/nowhere/a"}}, "access.jwt.jwks_file: /nowhere/a"),
    (lambda site: {"watch": {"secret_file": "/nowhere/a"}}, "access.watch.secret_file: /nowhere/a"),
    (lambda site: {"forward": {"url": "https://a.example/{company_id}/"}, "ca_file": "/nowhere/a"},
     "access.ca_file: /nowhere/a"),
    (lambda site: {"watch": {"secret_file": lines_of("hunter2", site)}}, "the secret in line 1 has 7 bytes"),
    (lambda site: {"watch": {"secret_file": lines_of("\n", site)}}, "there is no secret in it"),
    (lambda site: {"jwt": {"jwks_file": lines_of("{", site)}}, "it is no JSON: line 1"),
    (lambda site: {"jwt": {"jwks_file": lines_of("{}", site)}}, "it is no key set"),
]


@pytest.mark.parametrize("access, words", WRONG, ids=[words for _, words in WRONG])
def test_files_that_are_wrong_are_named_before_and_at_the_start(site, access, words):
    site.config["access"] = access(site)
    said = site.cli("check", check=2).stderr
    assert words in said and "hunter2" not in said
    line = next(line for line in json.loads(site.cli("doctor", "--json", check=2).stdout)
                if line["check"] == "configuration")
    assert line["verdict"] == "bad" and words in line["found"]
    server = site.start_http(wait=False)
    server.wait_for(words.split(": ", 1)[-1])
    assert server.wait() != 0


def access_line(site):
    return next(line for line in json.loads(site.cli("doctor", "--json", check=False).stdout)
                if line["check"] == "access")


def test_questions_that_are_wrong_are_named_with_the_option(product):
    for option, sql, words in (("user", "SELECT x FROM authtoken_token WHERE key = $1", 'column "x" does not exist'),
                               ("sees", "SELECT 1 FROM memberships WHERE u = $1 AND c = $2", "memberships"),
                               ("sees", "SELECT 1 WHERE $1 = 'a'", "parameter"),
                               ("company_name", "DELETE FROM crm_company WHERE id = $1 RETURNING name", "read-only"),
                               ("user", "SELECT 1; SELECT $1", "multiple commands")):
        product.config["access"]["sql"] = {**QUESTIONS, option: sql}
        said = product.cli("check", check=1).stderr
        assert f"access.sql.{option}: " in said and words in said
        line = access_line(product)
        assert line["verdict"] == "bad" and f"access.sql.{option}: " in line["found"] and words in line["found"]
    product.config["access"]["sql"] = QUESTIONS
    product.cli("check")
    assert access_line(product)["found"] == "own tokens, the product's tables"


def test_doctor_tells_of_a_product_that_lets_everybody_in(site, shop):
    site.config["access"] = {"forward": {"url": shop.url}}
    assert access_line(site)["verdict"] == "good"
    shop.answer = (200, {})
    line = access_line(site)
    assert line["verdict"] == "bad" and "lets everybody in" in line["found"]
    shop.die()
    line = access_line(site)
    assert line["verdict"] == "bad" and "does not answer" in line["found"]
