"""Companies, members and tokens of taskbridge, for a product that keeps them there.

Each is a function of taskbridge's, called in the caller's transaction: what it did
is undone when that is rolled back. A product whose own tables say who may see what
(``access.sql``, ``access.forward``) needs none of them. In the product's tests,
where there is no taskbridge, they check their arguments and do nothing else.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Iterable

from django.db import connections, router

from ..tokens import company_text
from . import conf, standin
from .models import BackgroundTaskTracker


def company_set(company: Any, name: str) -> None:
    """Make the company known under this name, or rename it."""
    call("company_set(%s::text, %s)", [company_text(company), name])


def company_remove(company: Any) -> bool:
    """Forget the company: nothing of it is seen from the commit on."""
    return bool(call("company_remove(%s::text)", [company_text(company)]))


def company_allow(user: Any, company: Any) -> bool:
    """Let the user see the company; whether that is new."""
    return bool(
        call("company_allow(%s, %s::text)", [user_text(user), company_text(company)])
    )


def company_deny(user: Any, company: Any) -> bool:
    """Take that away again; whether it was there."""
    return bool(
        call("company_deny(%s, %s::text)", [user_text(user), company_text(company)])
    )


def token_issue(user: Any, companies: Iterable[Any], ttl: timedelta) -> str | None:
    """A key with which these companies can be seen for so long; None in tests."""
    keys = [company_text(company) for company in companies]
    answer = call("token_issue(%s, %s::text[], %s)", [user_text(user), keys, ttl])
    return None if answer is None else str(answer)


def token_revoke(key: str) -> bool:
    """End the token; whether it was valid."""
    return bool(call("token_revoke(%s)", [key]))


def user_text(user: Any) -> str:
    name = user.get_username() if hasattr(user, "get_username") else user
    if not isinstance(name, str) or not name:
        raise ValueError("a user or its name is needed, not %r" % (user,))
    return name


def call(function: str, arguments: list[Any]) -> Any:
    database = router.db_for_write(BackgroundTaskTracker)
    if standin.stands_in(database):
        return None
    with connections[database].cursor() as cursor:
        cursor.execute('SELECT "%s".%s' % (conf.schema(), function), arguments)
        return cursor.fetchone()[0]
