"""What real workers of every pool send, the package's own events among it, gives the rows of the oracle."""

import json

import oracle
import pytest
from cases import differences, from_sql
from harness import wait_until

RULES = [{"match": "*", "type": "any", "company": {"kwarg": "company_id"}}]
SEND = """
import json, sys
from demo.app import app
print(json.dumps([app.send_task("faults." + name, args, kwargs).id for name, args, kwargs in json.loads(sys.argv[1])]))
"""
TASKS = [("add", [1, 2], {}), ("fail", [], {}), ("fail_after_progress", [40], {"company_id": 73}),
         ("sleep_with_progress", [1, 20], {"company_id": 74}), ("retry_times", [2], {"company_id": 75}),
         ("retry_until_given_up", [], {}), ("progress_text", ["año"], {"progress": 33.5}), ("odd_events", [], {}),
         ("replace", [], {}), ("no_such_task", [], {})]
ENDED = ("success", "failed")
# With few, a worker of the threads pool stops for good now and then: two of its threads share a connection.
PREFETCH = ("--prefetch-multiplier", "50")


@pytest.mark.parametrize("pool", ["prefork", "threads", "gevent", "eventlet", "solo"])
def test_events_of_every_pool_give_the_rows_of_the_oracle(site, pool):
    site.config.update(tasks=RULES, maintenance={"enabled": False})
    site.start_daemon()
    channel = site.broker.channel()
    channel.queue_declare("spectator", auto_delete=False)
    channel.queue_bind("spectator", "celeryev", "#")
    site.start_worker("demo.app", pool, *PREFETCH)
    task_ids = json.loads(site.python("-c", SEND, json.dumps(TASKS)))
    wait_until(lambda: all((site.database.row(task_id) or {}).get("status") in ENDED for task_id in task_ids), 240,
               "every task ended")
    wait_until(lambda: site.broker.unsettled() == 0, 30, "every delivery is acked")
    events = []
    while (message := site.broker.get("spectator")) is not None:
        body = json.loads(message.body)
        events += body if isinstance(body, list) else [body]
    expected = oracle.rows(events, RULES)
    found = {task_id: from_sql(row) for task_id, row in site.database.rows().items()}
    assert {"task-tracked", "task-progress", "task-succeeded"} <= {event["type"] for event in events}
    assert not differences(expected, found, next(iter(expected.values())).keys())
