"""Watch tokens: what a browser shows to taskbridge-http, minted without a library.

A JSON Web Token (RFC 7519) signed by HMAC-SHA-256. It is read-only, lives for
minutes, and names what may be seen: one company, and within it, where given, some
tasks, some types, or one flow; several of these together narrow.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
import uuid
from typing import Any, Iterable

AUDIENCE = "taskbridge"
TYPE = "watch+jwt"
SECRET_VARIABLE = "TASKBRIDGE_ACCESS_WATCH_SECRET"
SECRET_MIN_BYTES = 32
TTL_MAX_SECONDS = 86400
SCOPE_MAX = 100
ID_MAX_CHARACTERS = 255


def watch_token(
    company: Any,
    tasks: Iterable[Any] | None = None,
    types: Iterable[str] | None = None,
    flow: Any = None,
    ttl: int = 900,
    *,
    user: Any = None,
    secret: str | bytes | None = None,
    now: float | None = None,
) -> str:
    """A token with which a browser may watch ``company`` for ``ttl`` seconds.

    ``company`` is a company or its id, ``tasks`` ids of tasks or what ``delay()``
    returned, ``types`` task types as the API calls them, ``flow`` the root of one
    flow. ``user`` is whose browser it is, for the access log and so that the token
    can be revoked. ``secret`` is the one of ``access.watch.secret``; without it, it
    is Django's ``TASKBRIDGE_WATCH_SECRET`` or the environment's
    ``TASKBRIDGE_ACCESS_WATCH_SECRET``.
    """
    if isinstance(ttl, bool) or not isinstance(ttl, int):
        raise ValueError("ttl is a whole number of seconds")
    if not 0 < ttl <= TTL_MAX_SECONDS:
        raise ValueError("ttl is 1 to %d seconds" % TTL_MAX_SECONDS)
    issued = int(time.time() if now is None else now)
    claims: dict[str, Any] = {
        "aud": AUDIENCE,
        "iat": issued,
        "exp": issued + ttl,
        "company": company_text(company),
    }
    if tasks is not None:
        claims["tasks"] = scope("tasks", (task_text(task) for task in tasks))
    if types is not None:
        claims["types"] = scope("types", types)
    if flow is not None:
        claims["flow"] = task_text(flow)
    if user is not None:
        claims["sub"] = str(getattr(user, "pk", user))
    return sign(claims, key_bytes(secret))


def sign(claims: dict[str, Any], key: bytes) -> str:
    signed = ".".join(
        encode(json.dumps(part, separators=(",", ":"), ensure_ascii=False).encode())
        for part in ({"alg": "HS256", "typ": TYPE}, claims)
    )
    return signed + "." + encode(hmac.digest(key, signed.encode(), hashlib.sha256))


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def company_text(company: Any) -> str:
    """The company's key as text; ValueError for what can't be a company."""
    state = getattr(company, "_state", None)
    if getattr(state, "adding", False):
        raise ValueError("the company has not been saved: %r" % company)
    key = getattr(company, "pk", company)
    if isinstance(key, bool) or not isinstance(key, (int, str, uuid.UUID)):
        raise ValueError("a company or its id is needed, not %r" % (company,))
    text = str(key)
    if text in ("", "None") or len(text) > ID_MAX_CHARACTERS or "\0" in text:
        raise ValueError("%r is no company's id" % text)
    return text


def task_text(task: Any) -> str:
    """The task's id as text; ValueError for what can't be one."""
    key = getattr(task, "id", task)
    if isinstance(key, bool) or not isinstance(key, (int, str, uuid.UUID)):
        raise ValueError("a task's id or result is needed, not %r" % (task,))
    text = str(key)
    if text == "" or len(text) > ID_MAX_CHARACTERS or "\0" in text:
        raise ValueError("%r is no task's id" % text)
    return text


def scope(name: str, values: Iterable[str]) -> list[str]:
    if isinstance(values, str):
        raise ValueError("%s is a list, not one text" % name)
    found = list(values)
    if not 1 <= len(found) <= SCOPE_MAX:
        raise ValueError("%s has 1 to %d entries" % (name, SCOPE_MAX))
    if not all(isinstance(value, str) and value for value in found):
        raise ValueError("%s holds texts" % name)
    return found


def key_bytes(secret: str | bytes | None) -> bytes:
    if secret is None:
        secret = django_secret() or os.environ.get(SECRET_VARIABLE)
    if not secret:
        raise ValueError(
            "watch_token needs the secret of access.watch.secret: give it here, as"
            " Django's TASKBRIDGE_WATCH_SECRET, or as %s" % SECRET_VARIABLE
        )
    key = secret.strip() if isinstance(secret, bytes) else secret.strip().encode()
    if len(key) < SECRET_MIN_BYTES:
        raise ValueError("the secret has at least %d bytes" % SECRET_MIN_BYTES)
    return key


def django_secret() -> Any:
    """Django's setting, where Django is there and set up; else None."""
    try:
        from django.conf import settings
    except ImportError:
        return None
    if not settings.configured and "DJANGO_SETTINGS_MODULE" not in os.environ:
        return None
    return getattr(settings, "TASKBRIDGE_WATCH_SECRET", None)
