"""A property: wherever a secret stands in a database URL, however odd, no program prints it, be the URL taken or refused.

Each URL is made of a login and a secret that holds signs which people forget to escape. The seed is printed; a failure
names the URL, the command and what it said."""

import os
import random

import pytest

from harness.process import free_port

SIGNS = "@:/?#[]%&=; '\"\\,+~!$*()<>|{}`^é"
ROUNDS = int(os.environ.get("TASKBRIDGE_PROPERTY_ROUNDS", "24"))
SHAPES = [
    "postgresql://{user}:{secret}@{host}/{name}",
    "postgres://{user}:{secret}@{host}/{name}?sslmode=disable",
    "postgresql://{user}:p@{secret}@{host}/{name}",
    "postgresql://{user}:{secret}/x@{host}/{name}",
    "postgresql://{user}:{secret}",
    "postgresql://{user}:{secret}/{name}",
    "postgresql://{user}:p@{host},{user}:{secret}@{host}/{name}",
    "postgresql://{host}/{name}?user={user}&password={secret}",
    "postgresql://{host}/{name}?password=x&{secret}",
    "postgresql://{host}/{name}?{secret}",
    "postgresql://{host}/{name}?sslpassword={secret}",
    "postgresql://{host}/{name}?options={secret}",
    "postgresql:/{user}:{secret}@{host}/{name}",
    "postgresql:{user}:{secret}@{host}/{name}",
    "{user}:{secret}@{host}/{name}",
    "host=127.0.0.1 port=1 user={user} password={secret} dbname={name}",
    "host=127.0.0.1 port=1 user={user} password='{secret}' dbname={name}",
    "host=127.0.0.1 port=1 password = {secret} user={user}",
    "host=127.0.0.1 port=1 user={user};password={secret}",
    "host={user}:{secret}@{host} dbname={name}",
    "dbname=postgresql://{user}:{secret}@{host}/{name}",
    "host=127.0.0.1 port=1 passwort={secret}",
]
COMMANDS = [("check",), ("check", "--json"), ("status",), ("migrate",), ("cleanup",), ("doctor",), ("doctor", "--json")]


def make_secret(dice):
    """Pieces that are looked for, between signs."""
    pieces = [f"S3cret{dice.randrange(1000)}" for _ in range(dice.randint(1, 3))]
    return dice.choice(["", *SIGNS]).join(pieces) + dice.choice(["", "", *SIGNS])


def cases():
    seed = int(os.environ.get("TASKBRIDGE_PROPERTY_SEED", random.randrange(1 << 32)))
    dice = random.Random(seed)
    print(f"seed {seed}")
    shapes = SHAPES * (ROUNDS // len(SHAPES) + 1)
    for number in range(ROUNDS):
        yield dice, shapes[number].format(user="anna", secret=make_secret(dice), host=f"127.0.0.1:{free_port()}",
                                          name="taskbridge")


def check_silence(url, what, said):
    assert "S3cret" not in said, f"{what} with {url!r} said: {said}"


def test_no_command_prints_a_secret_of_a_database_url(bare_site):
    site = bare_site
    for dice, url in cases():
        where = {"TASKBRIDGE_DATABASE_URL": url}
        if dice.random() < 0.5:
            where = {"TASKBRIDGE_DATABASE_URL": None}
            site.config["database"] = {"url": url}
        for command in dice.sample(COMMANDS, 3):
            done = site.cli(*command, check=False, timeout=60, **where)
            check_silence(url, command, done.stdout + done.stderr)
        site.config.pop("database", None)


@pytest.mark.parametrize("shape", ["postgresql://u:p@S3cret@{host}/db", "postgresql://u:S3cret/x@{host}",
                                   "postgresql://u:S3cret@{host}/db", "host=127.0.0.1 port=1 password=S3cret user=u"])
@pytest.mark.parametrize("start", ["start_daemon", "start_http"])
def test_no_server_logs_a_secret_of_its_database_url(bare_site, start, shape):
    site = bare_site
    url = shape.format(host=f"127.0.0.1:{free_port()}")
    server = getattr(site, start)(wait=False, TASKBRIDGE_DATABASE_URL=url)
    server.wait_until(lambda: not server.is_running() or "event=database_" in server.output(), 20, "it says what is wrong") \
        if server.is_running() else None
    check_silence(url, start, server.output())
    server.kill()
