"""Watch an onboarding the way the frontend does, without a browser.

``python3 -m demo.watch --ready URL --and URL`` waits until the programs can take
events and requests, and the product's page is there.  ``python3 -m demo.watch URL --company 73 --output FILE ID...``
polls the company's document until all the given tasks have ended, writes it to
FILE and succeeds if they did.  The token is read from ``TASKBRIDGE_TOKEN``.
"""

import argparse
import functools
import json
import os
import sys
import time
import urllib.error
import urllib.request

import amqp
from kombu import Connection

EVENT_QUEUE = "taskbridge.events"
REQUEST_TIMEOUT_SECONDS = 5


def wait_until(check, seconds, interval):
    """Return the first true answer of ``check``, or None when time is up."""
    end = time.monotonic() + seconds
    while True:
        answer = check()
        if answer or time.monotonic() > end:
            return answer or None
        time.sleep(interval)


def fetch(url, token=None):
    """Return the body of a good answer; raise OSError for anything else."""
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", "Token " + token)
    with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_SECONDS) as answer:
        return answer.read()


def daemon_consumes():
    """Whether somebody consumes the event queue; its bindings then stand too."""
    try:
        url = os.environ["TASKBRIDGE_AMQP_URL"]
        with Connection(url, connect_timeout=5) as connection:
            queue = connection.default_channel.queue_declare(EVENT_QUEUE, passive=True)
            return queue.consumer_count > 0
    except (OSError, amqp.exceptions.AMQPError):
        return False


def is_there(url):
    try:
        fetch(url)
        return True
    except OSError:
        return False


def wait_for_programs(urls, seconds):
    if not wait_until(daemon_consumes, seconds, interval=0.1):
        return "taskbridged does not consume the queue %s" % EVENT_QUEUE
    for url in urls:
        if not wait_until(functools.partial(is_there, url), seconds, interval=0.1):
            return "%s does not answer 200" % url
    return None


class Onboarding:
    """The company's document, asked for again and again."""

    def __init__(self, url, company_id, task_ids):
        self.url = "%s/api/v1/companies/%d/task_status/" % (url, company_id)
        self.task_ids = set(task_ids)
        self.document = None
        self.error = "no answer yet"
        self.shown = {}

    def ended_tasks(self):
        """The tasks waited for that have ended, once all have; None before."""
        try:
            self.document = json.loads(
                fetch(self.url, os.environ.get("TASKBRIDGE_TOKEN"))
            )
            self.error = None
        except (OSError, ValueError) as error:
            self.error = str(error)
            return None
        for task in self.document["active_tasks"]:
            self.show(task)
        completed = self.document["summary"]["recent_completed"]
        ended = [task for task in completed if task["task_id"] in self.task_ids]
        for task in ended:
            self.show(task)
        return ended if len(ended) == len(self.task_ids) else None

    def show(self, task):
        line = "%-50s %-8s %3d %%" % (task["name"], task["status"], task["progress"])
        if self.shown.get(task["task_id"]) != line:
            self.shown[task["task_id"]] = line
            print(line, flush=True)


def watch(options):
    onboarding = Onboarding(options.url, options.company, options.task_ids)
    ended = wait_until(onboarding.ended_tasks, options.seconds, interval=0.2)
    if not ended:
        reason = onboarding.error or "some are still pending or running"
        return "not all tasks ended within %d s: %s" % (options.seconds, reason)
    failed = [task for task in ended if task["status"] != "success"]
    if failed:
        return "%s failed: %s" % (failed[0]["name"], failed[0].get("error_message"))
    with open(options.output, "w", encoding="utf-8") as file:
        json.dump(onboarding.document, file, indent=2, ensure_ascii=False)
        file.write("\n")
    return None


def main():
    parser = argparse.ArgumentParser(prog="python3 -m demo.watch")
    parser.add_argument("url", metavar="URL", help="where taskbridge-http listens")
    parser.add_argument("task_ids", nargs="*", metavar="ID")
    parser.add_argument("--ready", action="store_true")
    parser.add_argument("--and", action="append", default=[], dest="others")
    parser.add_argument("--company", type=int, metavar="ID")
    parser.add_argument("--output", default="/dev/stdout", metavar="FILE")
    parser.add_argument("--seconds", type=float, metavar="N", help="give up after")
    options = parser.parse_intermixed_args()
    if options.ready:
        urls = [options.url + "/readyz", *options.others]
        problem = wait_for_programs(urls, options.seconds or 30)
    elif options.company is None or not options.task_ids:
        parser.error("--company and the ids of the tasks are needed")
    else:
        options.seconds = options.seconds or 120
        problem = watch(options)
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
