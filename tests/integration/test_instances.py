"""A daemon's name in the tables belongs to one daemon at a time."""

from harness import wait_until

SHARED = "another daemon runs under this one's name"


def beats(site, count):
    """Until so many heartbeats more were written."""
    for _ in range(count):
        last = site.database.value("SELECT max(heartbeat_at) FROM bridge_instances")
        wait_until(lambda: site.database.value("SELECT max(heartbeat_at) FROM bridge_instances") > last, 30, "a heartbeat")


def test_two_daemons_of_one_name_are_told_of_it_once(site):
    daemons = [site.start_daemon(TASKBRIDGE_DAEMON_INSTANCE="one") for _ in range(2)]
    wait_until(lambda: any(SHARED in daemon.output() for daemon in daemons), 30, "a warning")
    beats(site, 3)
    lines = [line for daemon in daemons for line in daemon.output().splitlines() if SHARED in line]
    assert all(daemon.output().count(SHARED) <= 1 for daemon in daemons)
    assert all("warning" in line and "daemon.instance" in line and "instance=one" in line for line in lines), lines


def test_a_daemon_that_follows_a_killed_one_is_alone(site):
    killed = site.start_daemon(TASKBRIDGE_DAEMON_INSTANCE="one")
    wait_until(lambda: site.database.query("SELECT FROM bridge_instances WHERE broker_connected"), 30, "a heartbeat")
    killed.kill()
    daemon = site.start_daemon(wait=False, TASKBRIDGE_DAEMON_INSTANCE="one")
    daemon.wait_for_event("broker_connected")
    beats(site, 3)
    assert SHARED not in daemon.output()


def test_names_that_are_long_gone_are_forgotten_with_the_orphaned(site):
    for name, days in (("gone", 8), ("away", 6)):
        site.database.execute("INSERT INTO bridge_instances (instance, heartbeat_at) "
                              "VALUES (%s, now() - make_interval(days => %s))", (name, days))
        site.database.execute("INSERT INTO celery_workers (hostname, heard_at) "
                              "VALUES (%s, now() - make_interval(days => %s))", (f"celery@{name}", days))
    site.config["maintenance"] = {"orphaned_every_s": 2}
    site.start_daemon(TASKBRIDGE_DAEMON_INSTANCE="here")
    wait_until(lambda: site.database.query("SELECT FROM maintenance_runs WHERE job = 'cleanup_orphaned_trackers' "
                                           "AND outcome = 'done'"), 30, "a cleanup")
    assert site.database.query("SELECT instance FROM bridge_instances ORDER BY 1") == [
        {"instance": "away"}, {"instance": "here"}]
    assert site.database.query("SELECT hostname FROM celery_workers") == [{"hostname": "celery@away"}]
