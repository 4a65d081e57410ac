"""A backlog as real workers leave it: lifecycles of five events, sixteen tasks interleaved, in lists or one by one."""

import json
import time
import uuid

import amqp

EVENTS_PER_TASK = 5
INTERLEAVED = 16
NAMES = ["companies.create_processes_from_taxpayer_settings", "sii.sync_sii_documents_task",
         "sii.sync_sii_documents_full_history_task", "forms.sync_all_historical_forms_task"]


def lifecycle(number, stamp):
    """A task's five events, 20 ms apart."""
    task_id = str(uuid.UUID(int=number * 0x9E3779B97F4A7C15 + 1))
    own = [
        {"type": "task-received", "name": NAMES[number % len(NAMES)], "args": "()",
         "kwargs": f"{{'company_id': {number % 1000 + 1}}}", "root_id": task_id, "parent_id": None, "retries": 0,
         "eta": None, "expires": None},
        {"type": "task-started"},
        {"type": "task-progress", "progress": 25, "message": "paso 1"},
        {"type": "task-progress", "progress": 75, "message": "paso 3"},
        {"type": "task-succeeded", "result": "{'documents': 120}", "runtime": 0.0712},
    ]
    return [{"hostname": "w1@host-a", "utcoffset": 0, "pid": 9311, "clock": number * 5 + index, "uuid": task_id,
             **fields, "timestamp": stamp + index * 0.02} for index, fields in enumerate(own)]


def events(count):
    """So many events, sixteen tasks at a time taking turns."""
    number, sent, began = 0, 0, time.time() - 3600
    while sent < count:
        tasks = [lifecycle(number + index, began + (number + index) * 0.001) for index in range(INTERLEAVED)]
        number += INTERLEAVED
        for step in range(EVENTS_PER_TASK):
            for task in tasks:
                if sent < count:
                    yield task[step]
                    sent += 1


def bodies(count, events_per_message):
    """Message bodies: a list of events each, or with one event a message a single object."""
    gathered = []
    for event in events(count):
        if events_per_message == 1:
            yield json.dumps(event).encode()
            continue
        gathered.append(event)
        if len(gathered) == events_per_message:
            yield json.dumps(gathered).encode()
            gathered = []
    if gathered:
        yield json.dumps(gathered).encode()


def message(body):
    """As Celery publishes it."""
    return amqp.Message(body, content_type="application/json", content_encoding="utf-8", delivery_mode=1,
                        application_headers={"hostname": "w1@host-a"})


def publish(site, count, events_per_message):
    """Fills the site's queue and waits for the broker's confirms; returns how many messages."""
    key = "task.multi" if events_per_message > 1 else "task.started"
    messages = list(bodies(count, events_per_message))
    site.broker.publish_all(messages, key, timeout=300, headers={"hostname": "w1@host-a"})
    return len(messages)
