"""Errors that PostgreSQL reports at COMMIT, of which no statement is guilty: handled as any other, neighbours land."""

import pytest

from events import letters, wait_until_settled
from test_dead_letters import started

DEFER = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    {body}
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON background_task_trackers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"""


@pytest.fixture(autouse=True)
def without_maintenance(site):
    """These tasks lived in another year, and their worker beats no heart."""
    site.config["maintenance"] = {"enabled": False}


def refuse(site, body):
    """A constraint trigger that has its say at the commit."""
    site.database.execute(DEFER.format(body=body))


def publish(site, *names):
    for name in names:
        site.broker.publish(started(uuid=name), "task.started")


@pytest.mark.parametrize("code", ["P0001", "23514", "22023", "54000"])
def test_a_deferred_trigger_that_refuses_one_task_costs_that_task_alone(site, code):
    refuse(site, f"IF NEW.task_id = 'bad' THEN RAISE EXCEPTION 'not this one' USING ERRCODE = '{code}'; END IF;")
    daemon = site.start_daemon()
    publish(site, "t1", "bad", "t2")
    # One message of several events, of which one is refused.
    site.broker.publish(f"[{started(uuid='t3')}, {started(uuid='bad')}, {started(uuid='t4')}]", "task.multi")
    publish(site, "t5")
    wait_until_settled(site)
    assert set(site.database.rows()) == {"t1", "t2", "t3", "t4", "t5"}
    reasons = [letter["reason"] for letter in letters(site)]
    assert len(reasons) == 2
    assert all(reason.startswith("PostgreSQL refuses it: commit: not this one") for reason in reasons)
    assert all(reason.endswith(f"(SQLSTATE {code})") for reason in reasons)
    assert daemon.is_running()


@pytest.mark.parametrize("code", ["40001", "57014", "55P03"])
def test_an_error_at_the_commit_that_passes_is_tried_again(site, code):
    site.database.execute("CREATE SEQUENCE tries")
    refuse(site, f"IF NEW.task_id = 'slow' AND nextval('tries') < 4 THEN RAISE EXCEPTION 'not yet' "
                 f"USING ERRCODE = '{code}'; END IF;")
    daemon = site.start_daemon()
    publish(site, "t1", "slow", "t2")
    wait_until_settled(site)
    assert set(site.database.rows()) == {"t1", "slow", "t2"}
    assert letters(site) == []
    assert site.database.value("SELECT last_value FROM tries") == 4
    assert daemon.is_running()


def test_a_session_that_ends_at_its_commit_is_made_anew(site):
    """57P01: the session's own trigger has it ended while it commits."""
    site.database.execute("CREATE SEQUENCE tries")
    refuse(site, "IF nextval('tries') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); "
                 "PERFORM pg_sleep(20); END IF;")
    daemon = site.start_daemon()
    publish(site, "t1", "t2")
    wait_until_settled(site)
    assert set(site.database.rows()) == {"t1", "t2"}
    assert letters(site) == []
    assert daemon.is_running()


def test_one_task_that_always_fails_keeps_nobody_waiting(site):
    """With a code after which trying again is right: it comes alone, and its neighbours behind it."""
    refuse(site, "IF NEW.task_id = 'bad' THEN RAISE EXCEPTION 'not this one' USING ERRCODE = '40001'; END IF;")
    daemon = site.start_daemon()
    publish(site, "bad")
    daemon.wait_for("will be written again")
    publish(site, "t1", "t2")
    wait_until_settled(site)
    assert set(site.database.rows()) == {"t1", "t2"}
    (letter,) = letters(site)
    assert "not this one" in letter["reason"] and "40001" in letter["reason"]
