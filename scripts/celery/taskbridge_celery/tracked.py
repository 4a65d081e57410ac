"""The event ``task-tracked``: what is needed to have a task run again, and where in
a canvas it stands.

Celery's own events carry arguments as reprs that are cut and can't be read back. So
a worker tells once, at a task's first attempt, the message's body as it came: the
exact JSON of ``[[args], {kwargs}, {callbacks, errbacks, chain, chord}]``. It is left
out, and the reason said instead, where it is too large, is no JSON, or holds what
must not leave the worker.
"""

from __future__ import annotations

import fnmatch
import inspect
import json
import re
from typing import Any, Iterable

# The usual names of what must stay secret, as taskbridge.yaml has them by default.
REDACT = tuple(
    "password *_password passwd passphrase pwd secret *_secret secret_key token *_token "
    "api_key *_api_key apikey private_key authorization *_authorization auth "
    "credentials cookie *_cookie sessionid clave clave_* contrasena contraseña".split()
)
BODY_MAX_BYTES = 32768
# Of the message's headers those that another attempt has to be sent with.
HEADERS = (
    "lang shadow timelimit group group_index ignore_result root_id parent_id "
    "replaced_task_nesting stamped_headers stamps origin"
).split()

# Celery cuts a repr at 1024 characters and at three levels, unless told otherwise.
REPR_CUT_MIN = 1000
REPR_DEPTH = 3
# What JSON makes a text of, where the publisher's repr shows the value itself.
RICH_MARKS = ("datetime.", "UUID(", "Decimal(")
RICH = re.compile(r"[0-9A-Fa-f:.+TZ -]+")

MASKED, TOO_LARGE, NOT_JSON = "masked", "too large", "not json"


class Tracker:
    """Makes the event's fields; knows which names are secret."""

    def __init__(self, redact: Iterable[str] = REDACT):
        patterns = [fnmatch.translate(name.casefold()) for name in redact]
        self.redact = re.compile("|".join(patterns) or r"(?!)")

    def fields(self, request: Any) -> dict[str, Any] | None:
        """Of a worker's request; None for an attempt that is not the first."""
        headers = request.request_dict
        if headers.get("retries"):
            return None
        fields: dict[str, Any] = {
            "name": headers.get("task"),
            "retries": 0,
            "headers": {
                name: headers[name] for name in HEADERS if headers.get(name) is not None
            },
        }
        delivery = headers.get("delivery_info") or {}
        for name in ("exchange", "routing_key", "priority"):
            if delivery.get(name) is not None:
                fields[name] = delivery[name]
        fields.update(self.relations(request))
        company = (request.kwargs or {}).get("company_id")
        if isinstance(company, (int, str)) and not isinstance(company, bool):
            fields["company_id"] = company
        body, absent = self.body(request)
        fields.update({"body": body} if absent is None else {"body_absent": absent})
        return fields

    @staticmethod
    def relations(request: Any) -> dict[str, Any]:
        """Where it stands in a canvas: group, chord's body, the chain's next."""
        headers = request.request_dict
        found = {
            "root_id": headers.get("root_id"),
            "parent_id": headers.get("parent_id"),
            "group_id": headers.get("group"),
            "group_index": headers.get("group_index"),
            "chord_id": task_id_of(request.chord),
        }
        _, _, embed = request._payload
        chain = (embed or {}).get("chain")
        if chain:
            found["next_id"] = task_id_of(chain[-1])
        return {name: value for name, value in found.items() if value is not None}

    def body(self, request: Any) -> tuple[str, str | None]:
        """The body's text, or why there is none."""
        if request.content_type != "application/json":
            return "", NOT_JSON
        text = request.body
        if isinstance(text, (bytes, memoryview, bytearray)):
            text = bytes(text).decode("utf-8")
        if len(text.encode("utf-8")) > BODY_MAX_BYTES:
            return "", TOO_LARGE
        if self.is_masked(request, json.loads(text)):
            return "", MASKED
        return text, None

    def is_masked(self, request: Any, body: Any) -> bool:
        return (
            self.names_a_secret(body)
            or self.binds_a_secret(request)
            or hides_arguments(request)
        )

    def names_a_secret(self, value: Any) -> bool:
        """Whether a key at any depth is secret, also inside texts that are JSON."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if isinstance(one, dict):
                if any(self.is_secret(key) for key in one):
                    return True
                waiting.extend(one.values())
            elif isinstance(one, list):
                waiting.extend(one)
            elif isinstance(one, str) and one[:1] in ("{", "["):
                try:
                    waiting.append(json.loads(one))
                except ValueError:
                    pass
        return False

    def binds_a_secret(self, request: Any) -> bool:
        """Whether a secret parameter of the function is given by position."""
        try:
            signature = inspect.signature(request.task.run)
            bound = signature.bind_partial(*(request.args or ()))
        except (TypeError, ValueError):
            return False
        return any(self.is_secret(name) for name in bound.arguments)

    def is_secret(self, name: Any) -> bool:
        return isinstance(name, str) and self.redact.match(name.casefold()) is not None


def hides_arguments(request: Any) -> bool:
    """Whether the publisher put other reprs in place of the true ones."""
    headers = request.request_dict
    for name, value in (("argsrepr", request.args), ("kwargsrepr", request.kwargs)):
        given = headers.get(name)
        if isinstance(given, str) and given and not shows(given, value):
            return True
    return False


def shows(text: str, value: Any) -> bool:
    """Whether the text may be Celery's own repr of the value, rich types included."""
    if text[0] not in "([{":
        return False
    if "..." in text or "\u2026" in text:
        return len(text) >= REPR_CUT_MIN or depth(value) >= REPR_DEPTH
    is_rich = any(mark in text for mark in RICH_MARKS)
    return all(
        repr(leaf) in text or is_rich and RICH.fullmatch(str(leaf)) is not None
        for leaf in leaves(value)
    )


def leaves(value: Any) -> Iterable[Any]:
    """Texts and numbers at any depth."""
    if isinstance(value, dict):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from leaves(one)
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        yield value


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, (list, tuple)):
        return 1 + max(map(depth, value), default=0)
    return 0


def task_id_of(signature: Any) -> str | None:
    options = signature.get("options") if isinstance(signature, dict) else None
    found = (options or {}).get("task_id")
    return found if isinstance(found, str) else None
