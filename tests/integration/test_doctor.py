"""taskbridge doctor against real servers and workers: what it finds, in which words, and that it ends."""

import json

from harness import wait_until

CHECKS = ["configuration", "broker", "broker TLS", "broker alarm", "broker rights", "exchange", "queue", "binding",
          "consumers", "queue depth", "asking workers", "database", "database TLS", "writable", "schema",
          "database rights", "durability", "autovacuum", "connections", "disk", "daemons", "lag", "workers",
          "worker events", "sent events", "clocks", "serializers", "missed events", "dead letters", "maintenance",
          "lost tasks", "companies"]


def examine(site, check=False, **variables):
    """Every check's line by its name, out of --json."""
    done = site.cli("doctor", "--json", check=check, **variables)
    lines = json.loads(done.stdout)
    assert [line["check"] for line in lines] == CHECKS
    assert all(set(line) == {"check", "verdict", "found", "remedy"} for line in lines)
    assert done.returncode == (1 if any(line["verdict"] == "bad" for line in lines) else 0)
    return {line["check"]: line for line in lines}


def verdicts(lines, *without):
    """The checks that are not good."""
    return {name: line["verdict"] for name, line in lines.items() if line["verdict"] != "good" and name not in without}


def start_working(site):
    """Daemon, worker and an onboarding that is over."""
    site.start_daemon()
    site.start_worker()
    ids = site.onboard(73)
    wait_until(lambda: site.database.value("SELECT count(*) FROM background_task_trackers WHERE status = 'success'")
               == len(ids), 60, "the onboarding is over")
    wait_until(lambda: site.database.value("SELECT coalesce(sum(processed), 0) FROM worker_missed_events") >= len(ids),
               30, "a heartbeat that counts them")


def test_all_is_good_where_everything_works(site):
    start_working(site)
    lines = examine(site, True)
    assert verdicts(lines) == {}
    assert all(line["remedy"] is None for line in lines.values())
    text = site.cli("doctor").stdout.splitlines()
    assert [line[:8].strip() for line in text if line[:8].strip() == "good"] == ["good"] * len(CHECKS)
    # A path is not broken.
    assert all(len(line) <= 80 or " " not in line[24:] for line in text)
    assert text[-1] == f"{len(CHECKS)} good"
