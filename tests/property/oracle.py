"""What a task's row must be, computed from all its events at once: written from the documents, apart from the C and
the SQL, and in another way. Where they join fact by fact as events arrive, this sorts all there is and takes an end.

rows(events, rules) gives, by task id, the facts under the names that the table has, and what people see of them.
Events are Python's dicts as json.loads makes them of what a worker sent. Stamps are microseconds.
"""

import math
import re
import signal

STAMP_MIN = 946684800 * 10**6
STAMP_MAX = 7258118400 * 10**6
NEVER = -math.inf

# The stamps of what happened to a task, but for its success.
HAPPENED = ("sent_at", "received_at", "began_at", "retried_at", "requeued_at", "cancelled_at", "failed_at", "revoked_at",
            "rejected_at", "alive_at")

# type -> the stamp it sets.
STAMPS = {
    "task-sent": "sent_at",
    "task-received": "received_at",
    "task-started": "began_at",
    "task-retried": "retried_at",
    "task-cancelled": "cancelled_at",
    "task-succeeded": "succeeded_at",
    "task-failed": "failed_at",
    "task-revoked": "revoked_at",
    "task-progress": "alive_at",
}
WORKER_TYPES = {"worker-online": "online_at", "worker-heartbeat": "heartbeat_at", "worker-offline": "offline_at"}
MESSAGE = ("task-sent", "task-received")
# What the worker itself says; all else may be sent under any host name.
FROM_WORKER = ("task-received", "task-started", "task-succeeded", "task-failed", "task-retried", "task-revoked",
               "task-rejected", "task-cancelled")
COUNT_MAX = 2**53
SECRETS = ("password", "token")
TASK_TYPES = (*STAMPS, "task-rejected", "task-tracked")

ENDS = {"succeeded_at": ("result", "runtime_s"), "failed_at": ("error", "traceback"), "revoked_at": ("revoke_text",)}

# fact -> the column of its stamp; each the latest that is not null.
LATEST = {"name": "name_at", "received_name": "received_name_at", "worker": "worker_at", "queue": "queue_at", "root_id": "root_at", "parent_id": "parent_at",
          "args": "args_at", "kwargs": "kwargs_at", "eta": "eta_at", "expires": "expires_at",
          "retries": "retries_at", "progress_value": "progress_at", "progress_note": "text_at"}


def stamp_of(event):
    """Microseconds, or None for a stamp that makes the event unusable."""
    value = event.get("timestamp")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    value = float(value) * 1e6
    if not STAMP_MIN <= value <= STAMP_MAX:  # false for NaN too
        return None
    return math.floor(value + 0.5)


def clean(text):
    """As PostgreSQL can keep it."""
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


def text_of(value):
    return clean(value) if isinstance(value, str) else None


def number_of(value):
    """A usable number: any but NaN, also as text; None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not re.fullmatch(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|infinity)", value.strip(), re.I):
            return None
        value = float(value)
    if isinstance(value, int):
        try:
            value = float(value)
        except OverflowError:
            value = math.copysign(math.inf, value)
    return value if isinstance(value, float) and not math.isnan(value) else None


def percent_of(text):
    """As number_of, but text may end with a percent sign."""
    return number_of(text.strip().removesuffix("%") if isinstance(text, str) else text)


def inner(source, depth=3):
    """The event, and the objects in it that may say the same: progress, metadata, meta, each with its own inside."""
    yield source
    for name in ("progress", "metadata", "meta"):
        if depth and isinstance(source.get(name), dict):
            yield from inner(source[name], depth - 1)


def share_of(source):
    current, total = percent_of(source.get("current")), percent_of(source.get("total"))
    if current is None or total is None or not total > 0 or math.isinf(current) and math.isinf(total):
        return None
    return 100 * current / total


def progress_of(event):
    for source in inner(event):
        for number in (percent_of(source.get("progress")), percent_of(source.get("percent")), share_of(source)):
            if number is not None:
                return number
    return None


def note_of(event):
    for source in inner(event):
        for name in ("status", "message", "step", "description", "step_key"):
            if isinstance(source.get(name), str) and source[name]:
                return clean(source[name])
    return None


def measure_of(value):
    """A number that measures something, such as a time: from 0 to 2^53."""
    number = None if isinstance(value, str) else number_of(value)
    return number if number is not None and 0 <= number <= COUNT_MAX else None


def error_of(event):
    """The exception's repr; the traceback's last line where that says nothing."""
    text = text_of(event.get("exception")) or ""
    if re.fullmatch(r"\s*(ExceptionWithTraceback)?[()'\", ]*\s*", text):
        lines = (text_of(event.get("traceback")) or "").split("\n")
        told = [line.strip() for line in lines if line.strip()]
        return told[-1] if told else text or None
    return text


def revoke_text_of(event):
    if event.get("terminated") is True:
        number = event.get("signum")
        try:
            name = number if isinstance(number, str) and not number.isdigit() else signal.Signals(int(number)).name
        except (TypeError, ValueError):
            return "terminated"
        return f"terminated ({name})"
    return "expired" if event.get("expired") is True else "revoked"


def integer_of(value):
    return value if isinstance(value, int) and not isinstance(value, bool) and -2**63 <= value < 2**63 else None


def company_of(value):
    """A number, canonical, also where it comes as text."""
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"0|-?[1-9][0-9]*", value) else None
    number = integer_of(value)
    return None if number is None else str(number)


def rule_of(rules, name):
    for rule in rules:
        if re.fullmatch(re.escape(rule["match"]).replace(r"\*", ".*").replace(r"\?", "."), name, re.S):
            return rule
    return None


def rule_company_of(rule, event):
    """Out of the reprs that this suite's lifecycles publish, which are never cut."""
    source = rule.get("company")
    if not isinstance(source, dict):
        return None
    if "kwarg" in source:
        found = re.search(r"'" + re.escape(source["kwarg"]) + r"': (-?\d+)[,}]", event.get("kwargs") or "")
    else:
        found = re.match(r"\(" + r"[^,()]*, ?" * source["arg"] + r"(-?\d+)[,)]", event.get("args") or "")
    return company_of(int(found.group(1))) if found else None


def redacted(kwargs):
    """For kwargs whose secrets are plain strings."""
    for key in SECRETS:
        kwargs = re.sub(r"'" + re.escape(key) + r"': '[^']*'", f"'{key}': '***'", kwargs)
    return kwargs


def order(value):
    """Null, then numbers or texts; NaN is null here. Texts compare by their bytes."""
    if value is None:
        return (0,)
    return (1, value.encode() if isinstance(value, str) else value)


def latest(candidates):
    """Of (stamp, value, ...) the greatest; all None when there are none."""
    return max(candidates, key=lambda entry: [order(part) for part in entry], default=None)


def earliest(candidates):
    return min(candidates, key=lambda entry: [order(part) for part in entry], default=None)


class Task:
    """All that was said of one task."""

    def __init__(self, rules):
        self.rules = rules
        self.stamps = {}   # column -> its stamps
        self.groups = {}   # first column -> tuples of stamp and values
        self.inherits = self.is_nobodys = False

    def happened(self, column, stamp):
        self.stamps.setdefault(column, []).append(stamp)

    def told(self, group, *values):
        self.groups.setdefault(group, []).append(values)

    def told_unless_null(self, group, stamp, value):
        if value is not None:
            self.told(group, stamp, value)

    def hear(self, event, stamp):
        kind = event["type"]
        column = STAMPS.get(kind)
        if kind == "task-rejected":
            column = "requeued_at" if event.get("requeue") is True else "rejected_at"
        if column:
            self.happened(column, stamp)
        if kind in FROM_WORKER:
            self.told_unless_null("worker", stamp, text_of(event.get("hostname")))
        if kind in MESSAGE:
            self.hear_message(event, stamp)
        elif kind == "task-progress":
            self.told_unless_null("progress_value", stamp, progress_of(event))
            self.told_unless_null("progress_note", stamp, note_of(event))
        elif kind == "task-succeeded":
            self.told("succeeded_at", stamp, text_of(event.get("result")), measure_of(event.get("runtime")))
        elif kind == "task-failed":
            self.told("failed_at", stamp, error_of(event), text_of(event.get("traceback")))
        elif kind == "task-revoked":
            self.told("revoked_at", stamp, revoke_text_of(event))
        if kind in (*MESSAGE, "task-progress"):
            self.told_unless_null("retries", stamp, integer_of(event.get("retries")))
        if kind == "task-tracked":
            self.hear_name(event, stamp)
        if kind in ("task-progress", "task-tracked"):
            self.told_unless_null("event_company", stamp, company_of(event.get("company_id")))

    def hear_name(self, event, stamp):
        """The task's own, or in received what may be its shadow; a rule may match either."""
        name = text_of(event.get("name"))
        if not name:
            return
        is_shadow = event["type"] == "task-received"
        self.told("received_name" if is_shadow else "name", stamp, name)
        rule = rule_of(self.rules, name)
        if rule:
            self.told("rule", not is_shadow, stamp, rule.get("type"), rule.get("display_name"))
            self.inherits = self.inherits or rule.get("company") == "inherit"
            self.is_nobodys = self.is_nobodys or rule.get("company") == "none"
            self.told_unless_null("rule_company", stamp, rule_company_of(rule, event))

    def hear_message(self, event, stamp):
        self.hear_name(event, stamp)
        for fact in ("args", "root_id", "parent_id", "queue", "eta", "expires"):
            self.told_unless_null(fact, stamp, text_of(event.get(fact)))
        if isinstance(event.get("kwargs"), str):
            self.told("kwargs", stamp, redacted(clean(event["kwargs"])))

    def facts(self):
        row = {column: max(self.stamps.get(column, ()), default=None) for column in
               ("received_at", "began_at", "retried_at", "requeued_at", "cancelled_at", "rejected_at", "alive_at")}
        row["sent_at"] = min(self.stamps.get("sent_at", ()), default=None)
        row["first_alive_at"] = min(self.stamps.get("alive_at", ()), default=None)
        for column, values in ENDS.items():
            row.update(zip((column, *values), latest(self.groups.get(column, ())) or [None] * 3))
        for fact, column in LATEST.items():
            row[column], row[fact] = latest(self.groups.get(fact, ())) or (None, None)
        row.update(zip(("rule_is_of_name", "rule_at", "rule_type", "rule_display_name"),
                       latest(self.groups.get("rule", ())) or [False, None, None, None]))
        for fact in ("event_company", "rule_company"):
            row[f"{fact}_at"], row[fact] = earliest(self.groups.get(fact, ())) or (None, None)
        row["inherits_company"], row["belongs_to_nobody"] = self.inherits, self.is_nobodys
        return row


def seen(row):
    """What people see of these facts. Maintenance may have added lost_at and lost_reason."""

    def at(*columns):
        return max(NEVER if row[column] is None else row[column] for column in columns)

    attempt = at("received_at", "began_at")
    waiting = at("received_at", "retried_at", "requeued_at", "cancelled_at")
    ended = at("failed_at", "revoked_at", "rejected_at")
    is_new = {column: row[column] is not None and row[column] >= waiting
              for column in ("alive_at", "began_at", "progress_at", "text_at")}
    completed = error = None
    if row["succeeded_at"] is not None:
        status, state, completed = "success", "SUCCESS", row["succeeded_at"]
    elif ended > NEVER and ended >= attempt:
        status, completed = "failed", ended
        state, error = end_of_attempt(row, attempt)
    elif row.get("lost_at") is not None and row["lost_at"] > at(*HAPPENED):
        status, state, completed, error = "failed", "LOST", row["lost_at"], row["lost_reason"]
    elif is_new["began_at"] or is_new["alive_at"]:
        status, state = "running", "PROGRESS" if is_new["alive_at"] else "STARTED"
    else:
        status, state = "pending", waiting_state(row, waiting)
    if state == "SUCCESS":
        progress = 100
    else:
        progress = math.floor(min(max(row["progress_value"], 0), 100)) if is_new["progress_at"] else 0
    return {"status": status, "celery_state": state, "progress": progress,
            "progress_text": row["progress_note"] if is_new["text_at"] else None,
            "started_at": started(row, is_new, waiting), "completed_at": completed, "error_message": error,
            **named(row)}


def last_part(name):
    return name.rpartition(".")[2] or name


def named(row):
    """Nothing was registered. What is told in received is what people see, unless a rule has a name for it."""
    name = row["name"] if row["name"] is not None else row["received_name"]
    if name is None:
        return {"task_name": None, "task_type": row["rule_type"], "display_name": row["rule_display_name"]}
    shadow = row["received_name"] if row["received_name"] != row["name"] and row["name"] is not None else None
    return {"task_name": name,
            "task_type": row["rule_type"] if row["rule_type"] is not None else last_part(name),
            "display_name": next(text for text in (row["rule_display_name"], shadow, last_part(name)) if text is not None)}


def end_of_attempt(row, attempt):
    """The state, and what is said of it."""
    def ended(column):
        return row[column] is not None and row[column] >= attempt

    rejected = "rejected" if ended("rejected_at") else None
    if ended("revoked_at"):
        return "REVOKED", row["revoke_text"]
    if ended("failed_at"):
        return "FAILURE", row["error"] or rejected
    return "REJECTED", rejected


def waiting_state(row, waiting):
    if row["retried_at"] is not None and row["retried_at"] == waiting:
        return "RETRY"
    return "PENDING" if row["received_at"] is None else "RECEIVED"


def started(row, is_new, waiting):
    """The start. Where it never came, what the end tells; else the first sign of the latest attempt, which is not
    before it was waited for."""
    if row["began_at"] is not None:
        return row["began_at"]
    if row["succeeded_at"] is not None and row["runtime_s"] is not None and row["runtime_s"] <= 2**32:
        return row["succeeded_at"] - round(row["runtime_s"] * 1e6)
    if is_new["alive_at"]:
        return row["first_alive_at"] if row["first_alive_at"] >= waiting else waiting
    return None


def rows(events, rules=()):
    tasks = {}
    for event in events:
        stamp = stamp_of(event)
        task_id = event.get("uuid")
        if event.get("type") in TASK_TYPES and stamp is not None and isinstance(task_id, str) and task_id:
            tasks.setdefault(clean(task_id), Task(rules)).hear(event, stamp)
    found = {}
    for task_id, task in tasks.items():
        facts = task.facts()
        company = facts["event_company"] or facts["rule_company"]
        found[task_id] = {**facts, **seen(facts), "company_key": company,
                          "company_id": None if company is None else int(company)}
    return found


def workers(events):
    """What celery_workers has of each host whose own events these are."""
    found = {}
    for event in events:
        stamp = stamp_of(event)
        if event.get("type") in WORKER_TYPES and stamp is not None:
            found.setdefault(event["hostname"], []).append((stamp, event))
    return {hostname: worker_of(told) for hostname, told in found.items()}


def worker_of(told):
    row = {column: max((stamp for stamp, event in told if event["type"] == kind), default=None)
           for kind, column in WORKER_TYPES.items()}
    counted = [(stamp, event["processed"]) for stamp, event in told
               if all(0 <= event.get(name, -1) <= COUNT_MAX for name in ("active", "processed"))]
    row["counted_at"], row["processed"] = max(counted, default=(None, None))
    row["seen_at"], row["pid"] = max((stamp, event["pid"]) for stamp, event in told)
    return row
