"""Start an onboarding: ``python3 -m demo.onboard --company 73``.

Sends the four tasks and prints the id and the name of each.  With ``--register``
it also tells the database which company they belong to, as the product does.
"""

import argparse
import json
import os
import sys

from .app import app

# Celery's name of the task, and what the company's people read.
ONBOARDING = [
    (
        "companies.create_processes_from_taxpayer_settings",
        "Creando procesos tributarios",
    ),
    ("sii.sync_sii_documents_task", "Sincronizando documentos SII"),
    (
        "sii.sync_sii_documents_full_history_task",
        "Sincronizando historial completo de documentos",
    ),
    (
        "forms.sync_all_historical_forms_task",
        "Sincronizando formularios históricos",
    ),
]

# About five seconds of trying, then the error is shown.
PUBLISH_RETRY_POLICY = {
    "max_retries": 5,
    "interval_start": 0,
    "interval_step": 0.5,
    "interval_max": 2,
}


def send(company_id):
    """Send the four tasks; return their ids in the order of ``ONBOARDING``."""
    return [
        app.send_task(
            name,
            kwargs={"company_id": company_id},
            retry_policy=PUBLISH_RETRY_POLICY,
        ).id
        for name, _ in ONBOARDING
    ]


def register(database_url, company_id, task_ids):
    """Register the tasks with the company, under the names that people read."""
    import psycopg2

    connection = psycopg2.connect(database_url, connect_timeout=10)
    try:
        with connection, connection.cursor() as cursor:
            for task_id, (name, display_name) in zip(task_ids, ONBOARDING):
                cursor.execute(
                    "SELECT taskbridge.tracker_register(%s, %s, %s, %s, %s::jsonb)",
                    (
                        company_id,
                        task_id,
                        name,
                        display_name,
                        json.dumps({"source": "onboarding"}),
                    ),
                )
    finally:
        connection.close()


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="python3 -m demo.onboard", description="Start an onboarding."
    )
    parser.add_argument("--company", type=int, required=True, metavar="ID")
    parser.add_argument(
        "--register",
        nargs="?",
        const=os.environ.get("TASKBRIDGE_DATABASE_URL", ""),
        metavar="DATABASE_URL",
        help="also call tracker_register there (default: TASKBRIDGE_DATABASE_URL)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, name to id"
    )
    options = parser.parse_args(arguments)
    if options.register == "":
        parser.error("--register needs a URL, here or in TASKBRIDGE_DATABASE_URL")
    if not os.environ.get("TASKBRIDGE_AMQP_URL"):
        parser.error("set TASKBRIDGE_AMQP_URL to the broker's URL (amqp://...)")
    return options


def main(arguments=None):
    options = parse_arguments(arguments)
    task_ids = send(options.company)
    if options.register:
        register(options.register, options.company, task_ids)
    names = [name for name, _ in ONBOARDING]
    if options.json:
        print(json.dumps(dict(zip(names, task_ids))))
    else:
        for name, task_id in zip(names, task_ids):
            print(task_id, name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
