"""Each line of the captures, published as it was captured, gives the rows that were worked out of its events by hand."""

import collections
import json

import pytest

from events import at, counters, letters, lines_of, publish_lines, wait_until_settled
from harness.seed import seeded
from harness.stack import ROOT

LIFECYCLES = "celery-5.6-lifecycles.ndjson"
FAULTS = "celery-5.6-faults.ndjson"
RULES = [{"match": "capapp.add", "company": "inherit"},
         {"match": "capapp.*", "company": {"kwarg": "company_id"}},
         {"match": "no.such.task", "company": {"kwarg": "company_id"}}]

W1, W2 = "w1@host-a", "w2@host-b"
CREATE = "companies.create_processes_from_taxpayer_settings"
SYNC = "sii.sync_sii_documents_task"
HISTORY = "sii.sync_sii_documents_full_history_task"
FORMS = "forms.sync_all_historical_forms_task"

STATUS = {"PENDING": "pending", "RECEIVED": "pending", "STARTED": "running", "PROGRESS": "running",
          "SUCCESS": "success", "FAILURE": "failed", "REVOKED": "failed"}
MONTH_3 = "Descargando mes 3 – año ñandú"
TOO_LONG = "SoftTimeLimitExceeded()"


def row(celery_state, progress, task_name, company_id=None, started=None, completed=None, error=None, text=None,
        retries=0, worker=W1):
    return {"status": STATUS[celery_state], "celery_state": celery_state, "progress": progress, "task_name": task_name,
            "company_id": company_id, "started_at": at(started), "completed_at": at(completed),
            "error_message": error, "progress_text": text, "retries": retries, "worker": worker}


LIFECYCLES_ROWS = {
    "270561f1-6eb0-4cf0-804c-1198140d7a7e":
        row("SUCCESS", 100, CREATE, 73, 1795557678.7451081, 1795557679.0211885, text="paso 4"),
    "3c0ff098-3571-4fe8-be05-b3f3d6ded66b":
        row("SUCCESS", 100, SYNC, 73, 1795557678.7454722, 1795557678.9183526, text=MONTH_3),
    # Failed once, was retried; the second attempt's progress came before its start.
    "ef3affe6-09b6-4395-8db0-4a534ddeb866":
        row("SUCCESS", 100, HISTORY, 73, 1795557680.320959, 1795557680.322017, retries=1),
    "78073757-c429-4fb7-b53a-08643f5249b2":
        row("FAILURE", 40, FORMS, 73, 1795557678.9308548, 1795557678.933674,
            "ValueError('Formulario 29 inválido: ☃ “período 2019-13”')"),
    # Their rule looks for a keyword, and the company stands among the positional arguments: none is guessed.
    "fcb86d09-c113-460a-b5b1-39418bdb6746":
        row("SUCCESS", 100, FORMS, None, 1795557680.2896032, 1795557680.2986386),
    "custom-id/with spaces ñ":
        row("SUCCESS", 100, CREATE, None, 1795557678.9343815, 1795557679.1901891, text="paso 4"),
    # Every odd progress; the last text had U+0000 and half a surrogate pair in it.
    "6502e548-278a-4045-a86c-8ff4c6f2d730":
        row("SUCCESS", 100, "capapp.odd", 73, 1795557679.0219924, 1795557679.0270605,
            text="nul \ufffd inside, lone \ufffd surrogate, emoji \U0001f389"),
    # Ignore: no last event.
    "0bc0baf7-4894-4c32-a33b-ffece63a0484": row("STARTED", 0, "capapp.ign", None, 1795557679.0276794),
    # Failed, and rejected 30 µs later: it failed, and was completed by the later of the two.
    "81a6c41d-2a5d-4235-a78b-e49e1b1cd70d":
        row("FAILURE", 0, "capapp.rej", None, 1795557679.0336857, 1795557679.038398, "reject requeue=False: no"),
    "68791186-71f1-4097-ab50-da774595f18f":
        row("FAILURE", 0, "capapp.slow", None, 1795557679.0395057, 1795557680.04294, TOO_LONG),
    "6f8dd8bb-0143-47a9-a66d-2a70ba9b29df":
        row("FAILURE", 0, "capapp.slow", None, 1795557679.1908524, 1795557680.1948135, TOO_LONG),
    "eb882775-7dd0-4f99-b9cb-07e778700725":
        row("FAILURE", 0, "capapp.slow", None, 1795557680.3209054, 1795557681.3272707, TOO_LONG),
    # The repr says nothing, the last line of the traceback does.
    "2519a7c1-d94e-4d5d-b3a3-7e06afbfc459":
        row("FAILURE", 0, "capapp.die", None, 1795557680.0437238, 1795557680.2212174,
            "billiard.exceptions.WorkerLostError: Worker exited prematurely: signal 9 (SIGKILL) Job: 10."),
    # Its worker died, it was delivered again, to the end.
    "091c1bf5-ea32-472a-9dba-b96c05da7b29":
        row("SUCCESS", 100, "capapp.die_late", None, 1795557680.2942805, 1795557680.297184),
    # A string is no integer, a cut repr and twenty digits are none either.
    "60f32fae-9304-47a2-bf99-cd56e9ad1a00":
        row("SUCCESS", 100, "capapp.nested", None, 1795557680.3127158, 1795557680.3130634),
    "ae35fc50-4310-4fd3-8fcf-7b7d6ebce1c4":
        row("SUCCESS", 100, "capapp.nested", None, 1795557680.3163075, 1795557680.317471),
    # Sent, and expired unseen.
    "00d71652-fefe-4946-9385-9304e85ae923": row("PENDING", 0, "capapp.add", worker=None),
    # Revoked before it was received.
    "f44c0627-438b-4a07-8563-93d99096fb84":
        row("REVOKED", 0, "capapp.add", None, None, 1795557680.3145428, "revoked"),
    # Received, with an eta that is still to come.
    "9e158b69-43c4-4823-8559-84eabda8ec13": row("RECEIVED", 0, SYNC),
    "e597a3b3-7b78-4e63-a4fe-cd7761543d45": row("RECEIVED", 0, SYNC),
    # A parent, its two children: one inherits the company, one names it. And one whose root has none.
    "0e04ee30-bfbc-441b-a708-68ea56ff7e76":
        row("SUCCESS", 100, "capapp.parent", 76, 1795557680.3126745, 1795557680.3192992),
    "8921a4f3-8cf4-4fad-9699-5eb6e99d587a":
        row("SUCCESS", 100, "capapp.add", 76, 1795557680.3244932, 1795557680.324806),
    "35a4c004-a9cb-49a6-9236-fd1bfe14f0a6":
        row("SUCCESS", 100, SYNC, 76, 1795557680.3253858, 1795557680.479343, text=MONTH_3),
    "302de742-95e3-4a6b-b998-4cbc4294a28e":
        row("SUCCESS", 100, "capapp.add", None, 1795557680.2987595, 1795557680.3111043),
    "404804e5-7e7e-4cbd-a5e8-5326775fa03f":
        row("SUCCESS", 100, "capapp.add", None, 1795557680.3230796, 1795557680.3236256),
    # Nobody knows the task: failed without having been received.
    "a958b9f3-9f12-4adc-8d1d-251e58ef37d5":
        row("FAILURE", 0, "no.such.task", 9, None, 1795557681.8583865, "NotRegistered('no.such.task')"),
}

FAULTS_ROWS = {
    # Revoked and terminated; 6 ms later its end came as a failure, too.
    "06273184-ce38-4341-8ca7-9a03e2eb3ce9":
        row("REVOKED", 3, "capapp.slow2", None, 1795557914.2112703, 1795557915.2291763, "terminated (SIGTERM)",
            worker=W2),
    # The hard time limit, told twice.
    "504529d0-2f06-4f01-809f-8aa6a10297e6":
        row("FAILURE", 0, "capapp.hard", None, 1795557916.2282288, 1795557917.2299259,
            "billiard.exceptions.TimeLimitExceeded: TimeLimitExceeded(1,)", worker=W2),
    "cf8091ea-3f58-40ae-8693-6edee1ee5b76":
        row("REVOKED", 0, "capapp.add", None, None, 1795557918.226336, "revoked", worker=W2),
    "330fd95f-5f14-424c-b8c4-07ff2fe25541":
        row("REVOKED", 0, "capapp.add", None, None, 1795557917.2288516, "expired", worker=W2),
    # Four attempts, the last of which failed; percent was 10.5 each time.
    "e51a457d-f8b9-4100-aa3a-45d0d365a47f":
        row("FAILURE", 10, HISTORY, 90, 1795557921.1479723, 1795557921.1501231,
            "ConnectionError('SII no responde: 503')", retries=3, worker=W2),
    "e7c242ae-ab0b-4781-a623-2ea8e31075e6":
        row("SUCCESS", 100, "capapp.manual", 91, 1795557923.2327669, 1795557923.233813, worker=W2),
    # Its worker was killed after the first of 60 steps, which is 1.67 percent.
    "6e92d168-dcba-4eba-b7de-fd037cd819bd":
        row("PROGRESS", 1, "capapp.slow2", None, 1795557924.2364259, worker=W2),
}

# capapp.add(n, n) for n from 0 to 4, and later once more for n from 0 to 59: args and result by how often.
ADDITIONS = {(f"({n}, {n})", str(2 * n)): 2 if n < 5 else 1 for n in range(60)}
ADDITION = {"status": "success", "celery_state": "SUCCESS", "progress": 100, "task_name": "capapp.add",
            "company_id": None, "error_message": None, "progress_text": None, "retries": 0, "worker": W1}


@pytest.fixture
def captured_site(site):
    """A site with the rules above, where nothing is called lost or deleted for being of last year."""
    site.config["tasks"] += RULES
    site.config["maintenance"] = {"enabled": False}
    return site


def check_table(site, wanted):
    """The rows of these tasks; returns the others."""
    rows = site.database.rows()
    wrong = []
    for task_id, expected in wanted.items():
        found = rows.pop(task_id, None)
        assert found, f"no row of {task_id}"
        wrong += [f"{task_id}: {name} is {found[name]!r}, not {value!r}" for name, value in expected.items()
                  if found[name] != value]
    assert wrong == []
    return rows


def check_lifecycles(site):
    others = check_table(site, LIFECYCLES_ROWS)
    assert collections.Counter((other["args"], other["result"]) for other in others.values()) == ADDITIONS
    for task_id, other in others.items():
        assert {name: other[name] for name in ADDITION} == ADDITION, task_id
        assert other["sent_at"] < other["received_at"] <= other["started_at"] < other["completed_at"], task_id
    (worker,) = site.database.query("SELECT * FROM celery_workers")
    check_worker(worker, W1, 9311, 1795557675.0387678, 1795557691.0588703, 1795557693.0661788)
    # The farewell has the last counts.
    assert (worker["active"], worker["processed"], worker["counted_at"]) == (0, 88, at(1795557693.0661788))


def check_faults(site):
    assert check_table(site, FAULTS_ROWS) == {}
    (worker,) = site.database.query("SELECT * FROM celery_workers")
    check_worker(worker, W2, 12228, 1795557910.4626818, 1795557924.4769561, None)
    assert (worker["active"], worker["processed"], worker["counted_at"]) == (1, 8, at(1795557924.4769561))


def check_worker(worker, hostname, pid, online, heartbeat, offline):
    assert (worker["hostname"], worker["pid"], worker["freq_seconds"]) == (hostname, pid, 2.0)
    assert (worker["sw_ident"], worker["sw_ver"], worker["sw_sys"]) == ("py-celery", "5.6.2", "Linux")
    assert (worker["online_at"], worker["heartbeat_at"], worker["offline_at"]) == \
        (at(online), at(heartbeat), at(offline))


CHECKS = {LIFECYCLES: check_lifecycles, FAULTS: check_faults}


def check(site, capture):
    CHECKS[capture](site)
    assert letters(site) == []


@pytest.mark.parametrize("capture", CHECKS)
def test_a_capture_gives_the_rows_worked_out_by_hand(captured_site, capture):
    captured_site.start_daemon()
    publish_lines(captured_site, lines_of(capture))
    wait_until_settled(captured_site)
    check(captured_site, capture)


def test_what_was_captured_is_counted(captured_site):
    captured_site.start_daemon()
    publish_lines(captured_site, lines_of(LIFECYCLES) + lines_of(FAULTS))
    wait_until_settled(captured_site)
    found = counters(captured_site)
    assert (found["deliveries"], found["redelivered"], found["dead"]) == (287 + 53, 0, 0)
    assert (found["task_events"], found["worker_events"], found["unknown_events"]) == (393 + 48, 10 + 8, 1)
    assert captured_site.database.query("SELECT type, count FROM event_types") == [{"type": "task-custom", "count": 1}]


def test_what_else_is_known_of_a_task(captured_site):
    captured_site.start_daemon()
    publish_lines(captured_site, lines_of(LIFECYCLES))
    wait_until_settled(captured_site)
    child = captured_site.database.row("35a4c004-a9cb-49a6-9236-fd1bfe14f0a6")
    assert child["root_id"] == child["parent_id"] == "0e04ee30-bfbc-441b-a708-68ea56ff7e76"
    assert (child["queue"], child["args"], child["kwargs"]) == ("q562", "()", "{'company_id': 76}")
    assert (child["result"], child["runtime_s"]) == ("'ok'", 0.15343407199998182)
    assert (child["task_type"], child["display_name"]) == ("sync_sii_documents_task", "Sincronizando documentos SII")
    assert child["sent_at"] == at(1795557680.31815)
    waiting = captured_site.database.row("e597a3b3-7b78-4e63-a4fe-cd7761543d45")
    assert (waiting["eta"], waiting["expires"]) == ("2026-11-24T19:04:41.808759-03:00", None)
    expired = captured_site.database.row("00d71652-fefe-4946-9385-9304e85ae923")
    assert (expired["eta"], expired["expires"]) == (None, "2026-11-24T19:01:18.757105-03:00")
    failed = captured_site.database.row("78073757-c429-4fb7-b53a-08643f5249b2")
    assert failed["traceback"].startswith("Traceback (most recent call last):\n")
    assert failed["traceback"].endswith("Formulario 29 inválido: ☃ “período 2019-13”\n")


def cut_anew(random, lines):
    """The events of the captured deliveries, every second one twice, in any order and in other messages: lists of up to
    24, or alone."""
    events = []
    for line in lines:
        body = json.loads(line["body"])
        events += body if isinstance(body, list) else [body]
    events += random.sample(events, len(events) // 2)
    random.shuffle(events)
    while events:
        count = random.choice([0, 1, 1, 2, 7, 24])
        taken, events = events[:count], events[count:]
        body = taken[0] if count == 1 and random.random() < 0.5 else taken
        yield {"routing_key": "task.multi", "headers": {"hostname": W1}, "body": json.dumps(body)}


@pytest.mark.parametrize("capture", CHECKS)
def test_order_repetition_and_messages_do_not_matter(captured_site, capture):
    random = seeded()
    for _ in range(2):
        captured_site.start_daemon()
    publish_lines(captured_site, list(cut_anew(random, lines_of(capture))))
    wait_until_settled(captured_site)
    check(captured_site, capture)


@pytest.mark.parametrize("capture", CHECKS)
def test_a_replay_shuffled_and_doubled_gives_the_same_rows(captured_site, capture):
    seed = seeded().randrange(10**6)
    captured_site.start_daemon()
    captured_site.cli("replay", ROOT / "tests" / "fixtures" / "events" / capture, "--shuffle", "--duplicate",
                      "--seed", seed)
    wait_until_settled(captured_site)
    check(captured_site, capture)
