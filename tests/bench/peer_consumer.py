"""The peer of scripts/bench drain: what a careful Python engineer writes for the same job.

py-amqp, a prefetch, json, a fold in a dict, psycopg2's execute_values, 500 messages a commit, acknowledged after it. Its
table has what people see and no more; it is quicker than a fold that is proof against any order, and does less.
"""

import json
import os
import sys

import amqp
import psycopg2
from psycopg2.extras import execute_values

from harness.broker import EVENTS_QUEUE, connect

MESSAGES_PER_COMMIT = 500
STATES = {"task-received": "pending", "task-started": "running", "task-progress": "running",
          "task-succeeded": "success", "task-failed": "failed"}
TABLE = """CREATE TABLE IF NOT EXISTS peer_tasks (task_id text PRIMARY KEY, name text, kwargs text, status text,
           progress int, progress_text text, worker text, started_at float8, completed_at float8, result text,
           stamp float8)"""
UPSERT = """INSERT INTO peer_tasks VALUES %s ON CONFLICT (task_id) DO UPDATE SET
    name = coalesce(excluded.name, peer_tasks.name), kwargs = coalesce(excluded.kwargs, peer_tasks.kwargs),
    status = CASE WHEN excluded.stamp >= peer_tasks.stamp THEN excluded.status ELSE peer_tasks.status END,
    progress = greatest(excluded.progress, peer_tasks.progress),
    progress_text = coalesce(excluded.progress_text, peer_tasks.progress_text),
    worker = coalesce(excluded.worker, peer_tasks.worker),
    started_at = coalesce(excluded.started_at, peer_tasks.started_at),
    completed_at = coalesce(excluded.completed_at, peer_tasks.completed_at),
    result = coalesce(excluded.result, peer_tasks.result), stamp = greatest(excluded.stamp, peer_tasks.stamp)"""


def fold(rows, event):
    row = rows.get(event["uuid"])
    if row is None:
        row = rows[event["uuid"]] = {"stamp": 0.0, "progress": 0}
    kind, stamp = event["type"], event["timestamp"]
    if stamp >= row["stamp"]:
        row["stamp"], row["status"] = stamp, STATES.get(kind, "pending")
    row["worker"] = event["hostname"]
    if kind == "task-received":
        row["name"], row["kwargs"] = event["name"], event["kwargs"]
    elif kind == "task-started":
        row["started_at"] = stamp
    elif kind == "task-progress":
        row["progress"], row["progress_text"] = event["progress"], event["message"]
    elif kind == "task-succeeded":
        row["completed_at"], row["result"], row["progress"] = stamp, event["result"], 100


def values(rows):
    for task_id in sorted(rows):
        row = rows[task_id]
        yield (task_id, row.get("name"), row.get("kwargs"), row["status"], row["progress"], row.get("progress_text"),
               row.get("worker"), row.get("started_at"), row.get("completed_at"), row.get("result"), row["stamp"])


def main():
    total = int(sys.argv[1])
    database = psycopg2.connect(os.environ["TASKBRIDGE_DATABASE_URL"])
    cursor = database.cursor()
    cursor.execute(TABLE)
    database.commit()
    connection = connect(os.environ["TASKBRIDGE_AMQP_URL"])
    channel = connection.channel()
    channel.basic_qos(0, 4 * MESSAGES_PER_COMMIT, False)
    rows, taken, seen = {}, 0, 0

    def commit(tag):
        nonlocal rows
        execute_values(cursor, UPSERT, list(values(rows)), page_size=10000)
        database.commit()
        channel.basic_ack(tag, multiple=True)
        rows = {}

    def take(delivery):
        nonlocal taken, seen
        body = json.loads(delivery.body)
        for event in body if isinstance(body, list) else [body]:
            fold(rows, event)
            seen += 1
        taken += 1
        if taken % MESSAGES_PER_COMMIT == 0 or seen == total:
            commit(delivery.delivery_tag)

    channel.basic_consume(EVENTS_QUEUE, callback=take)
    while seen < total:
        connection.drain_events(timeout=30)
    connection.close()
    database.close()


if __name__ == "__main__":
    try:
        main()
    except amqp.AMQPError as error:
        sys.exit(f"peer_consumer: {error}")
