"""What people see of a row's facts: each rule of the design, with expectations written by hand."""

import datetime

import pytest

from harness.statements import write_rows

UTC = datetime.timezone.utc


def at(seconds):
    return datetime.datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC) + datetime.timedelta(seconds=seconds)


def facts(**values):
    """Numbers of names that end in _at are seconds after a time that all tests share."""
    return {name: at(value) if name.endswith("_at") else value for name, value in values.items()}


def seen(database, lost_at=None, lost_reason=None, **values):
    write_rows(database, {"task_id": "t", **facts(**values)})
    if lost_at is not None:
        database.execute("UPDATE background_task_trackers SET lost_at = %s, lost_reason = %s",
                         (at(lost_at), lost_reason))
    return database.row("t")


STATES = [
    # Pending: nothing but sent or registered; received; waiting for the next attempt.
    ("nothing is known", {}, "pending", "PENDING"),
    ("sent", {"sent_at": 1}, "pending", "PENDING"),
    ("received", {"sent_at": 1, "received_at": 2}, "pending", "RECEIVED"),
    ("retried", {"received_at": 1, "began_at": 2, "retried_at": 3}, "pending", "RETRY"),
    ("retried, and its progress was late", {"received_at": 1, "began_at": 2, "alive_at": 2.5, "retried_at": 3},
     "pending", "RETRY"),
    ("received again after a retry", {"received_at": 4, "began_at": 2, "retried_at": 3}, "pending", "RECEIVED"),
    ("received again before the retry was stamped", {"received_at": 2.9, "began_at": 2, "retried_at": 3}, "pending",
     "RETRY"),
    ("cancelled", {"received_at": 1, "began_at": 2, "cancelled_at": 3}, "pending", "RECEIVED"),
    ("received again after it was cancelled", {"received_at": 4, "began_at": 2, "cancelled_at": 3}, "pending",
     "RECEIVED"),
    ("cancelled after a retry", {"received_at": 1, "retried_at": 2, "cancelled_at": 3}, "pending", "RECEIVED"),
    ("started after it was cancelled", {"received_at": 1, "cancelled_at": 3, "began_at": 4}, "running", "STARTED"),
    ("given back to the queue", {"received_at": 1, "began_at": 2, "requeued_at": 3}, "pending", "RECEIVED"),
    ("received again after it was given back", {"received_at": 4, "began_at": 2, "requeued_at": 3}, "pending",
     "RECEIVED"),
    # Running: a start or a progress since the task last waited, equal stamps too.
    ("started", {"received_at": 1, "began_at": 2}, "running", "STARTED"),
    ("started, not seen received", {"began_at": 2}, "running", "STARTED"),
    ("started in the moment it was received", {"received_at": 2, "began_at": 2}, "running", "STARTED"),
    ("progress before started came", {"received_at": 1, "alive_at": 2}, "running", "PROGRESS"),
    ("progress alone", {"alive_at": 2}, "running", "PROGRESS"),
    ("progress after started", {"received_at": 1, "began_at": 2, "alive_at": 3}, "running", "PROGRESS"),
    ("progress stamped before started of the same attempt", {"received_at": 1, "began_at": 3, "alive_at": 2},
     "running", "PROGRESS"),
    ("second attempt, progress of the first", {"received_at": 4, "retried_at": 3, "alive_at": 2, "began_at": 5},
     "running", "STARTED"),
    ("second attempt, progress of its own", {"received_at": 4, "retried_at": 3, "alive_at": 6, "began_at": 5},
     "running", "PROGRESS"),
    ("started in the moment of the retry", {"received_at": 1, "retried_at": 3, "began_at": 3}, "running", "STARTED"),
    # Success is final.
    ("succeeded", {"received_at": 1, "began_at": 2, "succeeded_at": 3}, "success", "SUCCESS"),
    ("succeeded, then received again", {"succeeded_at": 3, "received_at": 4, "began_at": 5}, "success", "SUCCESS"),
    ("succeeded, then failed", {"succeeded_at": 3, "failed_at": 4}, "success", "SUCCESS"),
    ("succeeded before it was revoked", {"succeeded_at": 3, "revoked_at": 4}, "success", "SUCCESS"),
    # Failed: an end not before the latest attempt.
    ("failed", {"received_at": 1, "began_at": 2, "failed_at": 3}, "failed", "FAILURE"),
    ("failed, never received (not registered)", {"sent_at": 1, "failed_at": 2}, "failed", "FAILURE"),
    ("failed in the moment it started", {"received_at": 1, "began_at": 3, "failed_at": 3}, "failed", "FAILURE"),
    ("failed, late progress never reopens", {"received_at": 1, "began_at": 2, "failed_at": 3, "alive_at": 4},
     "failed", "FAILURE"),
    ("failed, a late retried never reopens", {"received_at": 1, "began_at": 2, "failed_at": 3, "retried_at": 4},
     "failed", "FAILURE"),
    ("failed, then received again", {"began_at": 2, "failed_at": 3, "received_at": 4}, "pending", "RECEIVED"),
    ("failed, then started again", {"received_at": 1, "failed_at": 3, "began_at": 4}, "running", "STARTED"),
    ("revoked before it was received", {"sent_at": 1, "revoked_at": 2}, "failed", "REVOKED"),
    ("terminated: revoked, then failed", {"received_at": 1, "began_at": 2, "revoked_at": 3, "failed_at": 3.1},
     "failed", "REVOKED"),
    ("revoked an attempt ago, failed in this one", {"revoked_at": 3, "received_at": 4, "began_at": 5, "failed_at": 6},
     "failed", "FAILURE"),
    ("rejected", {"received_at": 1, "rejected_at": 2}, "failed", "REJECTED"),
    ("failed and rejected", {"received_at": 1, "began_at": 2, "failed_at": 3, "rejected_at": 3.1}, "failed",
     "FAILURE"),
    ("rejected in this attempt, failed in the last", {"failed_at": 3, "received_at": 4, "rejected_at": 5}, "failed",
     "REJECTED"),
]


@pytest.mark.parametrize("what, values, status, celery_state", STATES, ids=[state[0] for state in STATES])
def test_status(database, what, values, status, celery_state):
    row = seen(database, **values)
    assert (row["status"], row["celery_state"]) == (status, celery_state)


RUNNING = {"sent_at": 1, "received_at": 2, "began_at": 3, "alive_at": 4}


def test_lost_later_than_every_other_stamp(database):
    row = seen(database, **RUNNING, lost_at=5, lost_reason="worker w1 vanished")
    assert (row["status"], row["celery_state"], row["completed_at"], row["error_message"]) == (
        "failed", "LOST", at(5), "worker w1 vanished")


@pytest.mark.parametrize("fact", ["sent_at", "received_at", "began_at", "retried_at", "requeued_at", "cancelled_at",
                                  "alive_at"])
def test_a_later_event_takes_the_loss_back(database, fact):
    row = seen(database, **{**RUNNING, fact: 6}, lost_at=5, lost_reason="worker w1 vanished")
    assert row["celery_state"] != "LOST"
    assert row["status"] in ("pending", "running")
    assert (row["completed_at"], row["error_message"]) == (None, None)


def test_a_loss_in_the_moment_of_an_event_is_none(database):
    assert seen(database, **RUNNING, lost_at=4)["celery_state"] == "PROGRESS"


@pytest.mark.parametrize("fact, celery_state", [("succeeded_at", "SUCCESS"), ("failed_at", "FAILURE"),
                                                ("revoked_at", "REVOKED"), ("rejected_at", "REJECTED")])
@pytest.mark.parametrize("end", [4.5, 6])
def test_an_end_counts_more_than_a_loss(database, fact, celery_state, end):
    row = seen(database, **{**RUNNING, fact: end}, lost_at=5, lost_reason="lost")
    assert (row["celery_state"], row["completed_at"]) == (celery_state, at(end))


PROGRESS = [
    ("none", {"began_at": 1}, 0),
    ("a number", {"began_at": 1, "progress_at": 2, "progress_value": 42}, 42),
    ("rounded down", {"progress_at": 2, "progress_value": 99.99}, 99),
    ("below nothing", {"progress_at": 2, "progress_value": -0.5}, 0),
    ("far below nothing", {"progress_at": 2, "progress_value": -1e300}, 0),
    ("above all", {"progress_at": 2, "progress_value": 250}, 100),
    ("infinite", {"progress_at": 2, "progress_value": "Infinity"}, 100),
    ("infinitely little", {"progress_at": 2, "progress_value": "-Infinity"}, 0),
    ("of the last attempt", {"progress_at": 2, "progress_value": 42, "received_at": 3}, 0),
    ("before a retry", {"progress_at": 2, "progress_value": 42, "retried_at": 3}, 0),
    ("before it was cancelled", {"progress_at": 2, "progress_value": 42, "cancelled_at": 3}, 0),
    ("before it was given back", {"progress_at": 2, "progress_value": 42, "requeued_at": 3}, 0),
    ("in the moment of the retry", {"progress_at": 3, "progress_value": 42, "retried_at": 3}, 42),
    ("stamped before started", {"progress_at": 2, "progress_value": 42, "received_at": 1, "began_at": 3}, 42),
    ("success is 100", {"progress_at": 2, "progress_value": 42, "succeeded_at": 3}, 100),
    ("success without any", {"succeeded_at": 3}, 100),
    ("a failed row keeps what it had reached",
     {"received_at": 1, "progress_at": 2, "progress_value": 42, "failed_at": 3}, 42),
]


@pytest.mark.parametrize("what, values, progress", PROGRESS, ids=[case[0] for case in PROGRESS])
def test_progress(database, what, values, progress):
    assert seen(database, **values)["progress"] == progress


def test_a_lost_row_keeps_its_progress(database):
    row = seen(database, received_at=1, alive_at=2, progress_at=2, progress_value=42, lost_at=5)
    assert (row["celery_state"], row["progress"]) == ("LOST", 42)


@pytest.mark.parametrize("values, text", [
    ({"text_at": 2, "progress_note": "halfway"}, "halfway"),
    ({"text_at": 2, "progress_note": "halfway", "received_at": 1, "failed_at": 3}, "halfway"),
    ({"text_at": 2, "progress_note": "halfway", "received_at": 1, "succeeded_at": 3}, "halfway"),
    ({"text_at": 2, "progress_note": "halfway", "received_at": 2}, "halfway"),
    ({"text_at": 2, "progress_note": "halfway", "received_at": 3}, None),
    ({"text_at": 2, "progress_note": "halfway", "retried_at": 3}, None),
    ({"text_at": 2, "progress_note": "halfway", "requeued_at": 3}, None),
    ({"text_at": 2, "progress_note": "halfway", "cancelled_at": 3}, None),
])
def test_progress_text_is_of_the_latest_attempt(database, values, text):
    assert seen(database, **values)["progress_text"] == text


@pytest.mark.parametrize("values, started", [
    ({"received_at": 1}, None),
    ({"received_at": 1, "began_at": 2}, 2),
    ({"received_at": 1, "began_at": 3, "alive_at": 2}, 3),
    # Started never came: what the end tells, or the first sign of the latest attempt.
    ({"received_at": 1, "first_alive_at": 2, "alive_at": 2}, 2),
    ({"received_at": 1, "first_alive_at": 3, "alive_at": 4}, 3),
    ({"first_alive_at": 3, "alive_at": 4}, 3),
    ({"received_at": 3, "first_alive_at": 2, "alive_at": 2}, None),
    ({"received_at": 3, "first_alive_at": 2, "alive_at": 5}, 3),
    ({"received_at": 1, "retried_at": 3, "first_alive_at": 2, "alive_at": 5}, 3),
    ({"received_at": 1, "cancelled_at": 3, "first_alive_at": 2, "alive_at": 5}, 3),
    ({"received_at": 1, "succeeded_at": 4, "runtime_s": 2.0}, 2),
    ({"received_at": 1, "first_alive_at": 3, "alive_at": 4, "succeeded_at": 4, "runtime_s": 2.5}, 1.5),
    ({"received_at": 1, "succeeded_at": 4, "runtime_s": 1e300}, None),
    ({"received_at": 1, "succeeded_at": 4, "runtime_s": -1.0}, None),
    ({"received_at": 1, "first_alive_at": 3, "alive_at": 4, "succeeded_at": 4}, 3),
    # What ended without a sign of life never started.
    ({"sent_at": 1, "failed_at": 2}, None),
    ({"received_at": 1, "revoked_at": 2}, None),
    ({"received_at": 1, "rejected_at": 2}, None),
])
def test_started_at(database, values, started):
    assert seen(database, **values)["started_at"] == (None if started is None else at(started))


@pytest.mark.parametrize("values, first", [
    ({"sent_at": 1, "received_at": 2, "began_at": 3}, 1),
    ({"received_at": 2, "began_at": 3}, 2),
    ({"received_at": 3, "began_at": 2}, 2),
])
def test_first_sign(database, values, first):
    assert seen(database, **values)["first_at"] == at(first)


def test_the_row_itself_is_the_first_sign_where_the_next_attempt_is_later(database):
    row = seen(database, failed_at=1)
    assert row["first_at"] == row["created_at"]
    database.execute("UPDATE background_task_trackers SET received_at = created_at + interval '1 minute'")
    row = database.row("t")
    assert row["first_at"] == row["created_at"]


@pytest.mark.parametrize("values, completed", [
    ({"began_at": 1}, None),
    ({"began_at": 1, "succeeded_at": 3, "failed_at": 4}, 3),
    ({"began_at": 1, "failed_at": 3, "rejected_at": 3.5}, 3.5),
    ({"began_at": 1, "revoked_at": 3, "failed_at": 3.5}, 3.5),
    ({"began_at": 4, "failed_at": 3}, None),
])
def test_completed_at(database, values, completed):
    assert seen(database, **values)["completed_at"] == (None if completed is None else at(completed))


ERRORS = [
    ("nothing failed", {"began_at": 1}, None),
    ("the exception", {"failed_at": 1, "error": "ValueError('x')"}, "ValueError('x')"),
    ("no text", {"failed_at": 1}, None),
    ("an empty text says nothing", {"failed_at": 1, "error": ""}, None),
    ("failed and rejected", {"failed_at": 1, "error": "Reject()", "rejected_at": 1.1}, "Reject()"),
    ("failed without a text, and rejected", {"failed_at": 1, "rejected_at": 1.1}, "rejected"),
    ("failed with an empty text, and rejected", {"failed_at": 1, "error": "", "rejected_at": 1.1}, "rejected"),
    ("rejected", {"rejected_at": 1}, "rejected"),
    ("revoked", {"revoked_at": 1, "revoke_text": "revoked"}, "revoked"),
    ("expired", {"revoked_at": 1, "revoke_text": "expired"}, "expired"),
    ("terminated", {"began_at": 0, "revoked_at": 1, "revoke_text": "terminated (SIGTERM)", "failed_at": 1.1,
                    "error": "SystemExit(-241)"}, "terminated (SIGTERM)"),
    ("succeeded after a failure", {"failed_at": 1, "error": "x", "succeeded_at": 2}, None),
    ("started again after a failure", {"failed_at": 1, "error": "x", "began_at": 2}, None),
    ("this attempt was rejected, the last failed", {"failed_at": 1, "error": "x", "received_at": 2, "rejected_at": 3},
     "rejected"),
]


@pytest.mark.parametrize("what, values, message", ERRORS, ids=[case[0] for case in ERRORS])
def test_error_message(database, what, values, message):
    assert seen(database, **values)["error_message"] == message


def test_an_empty_reason_for_a_loss_says_nothing(database):
    assert seen(database, began_at=1, lost_at=2, lost_reason="")["error_message"] is None


@pytest.mark.parametrize("key, number", [
    ("73", 73), ("0", 0), ("-5", -5), ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -2**63),
    ("9223372036854775808", None), ("-9223372036854775809", None), ("99999999999999999999999", None),
    ("007", None), ("+7", None), ("-0", None), ("7.0", None), (" 7", None), ("7\n", None), ("1e3", None), ("٣", None),
    ("0b9e7d1c-3d2b-4f0a-8a54-6f1f6a0f3c11", None),
])
def test_a_company_is_a_number_where_it_is_one(database, key, number):
    row = seen(database, event_company_at=1, event_company=key)
    assert (row["company_key"], row["company_id"]) == (key, number)


def test_of_companies_the_first_that_is_known_counts(database):
    assert seen(database)["company_key"] is None
    database.execute("UPDATE background_task_trackers SET inherited_company = '4'")
    assert database.row("t")["company_key"] == "4"
    assert seen(database, rule_company_at=1, rule_company="3")["company_key"] == "3"
    assert seen(database, event_company_at=1, event_company="2")["company_key"] == "2"
    database.query("SELECT tracker_register(1, 't', 'n')")
    assert database.row("t")["company_key"] == "1"


def test_names(database):
    row = seen(database, began_at=1)
    assert (row["task_name"], row["display_name"]) == (None, None)
    row = seen(database, received_name_at=1, received_name="pkg.tasks.sync")
    assert (row["task_name"], row["task_type"], row["display_name"]) == ("pkg.tasks.sync", "sync", "sync")
    row = seen(database, name_at=1, name="pkg.tasks.load")
    assert (row["task_name"], row["task_type"], row["display_name"]) == ("pkg.tasks.load", "load", "pkg.tasks.sync")
    row = seen(database, rule_at=2, rule_type="loading", rule_display_name="Cargando")
    assert (row["task_name"], row["task_type"], row["display_name"]) == ("pkg.tasks.load", "loading", "Cargando")
    database.query("SELECT tracker_register(1, 't', 'sync', 'Documentos')")
    row = database.row("t")
    assert (row["task_name"], row["task_type"], row["display_name"]) == ("sync", "loading", "Documentos")
    database.query("SELECT tracker_register(1, 'only registered', 'shop.tasks.sell')")
    row = database.row("only registered")
    assert (row["task_name"], row["task_type"], row["display_name"]) == ("shop.tasks.sell", "sell", "sell")
