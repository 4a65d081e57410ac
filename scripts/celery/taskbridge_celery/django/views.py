"""A view of Django REST framework that serves what taskbridge-http serves.

For a product whose frontend goes on asking the product::

    class TaskStatus(CompanyTaskStatusView):
        def get_companies(self):
            return self.request.user.companies.all()

    path("api/v1/companies/<int:company_id>/task_status/", TaskStatus.as_view())

A company that the user may not see answers as one that is not there: 404.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from . import documents

LIMIT_MAX = 100


class CompanyTaskStatusView(APIView):
    """``GET …/companies/{company_id}/task_status/``"""

    permission_classes = (IsAuthenticated,)
    # Whether the error itself is shown in place of words for customers.
    raw_errors = False

    def get_companies(self) -> QuerySet[Any]:
        """The companies that ``self.request.user`` may see."""
        raise NotImplementedError(
            "%s.get_companies() has to say which companies the user may see"
            % type(self).__name__
        )

    def get_company(self, company_id: Any) -> Any:
        try:
            company = self.get_companies().filter(pk=company_id).first()
        except (ValueError, TypeError, ValidationError):
            company = None
        if company is None:
            raise Http404
        return company

    def get(self, request: Any, company_id: Any, **_: Any) -> Response:
        company = self.get_company(company_id)
        limit = request.query_params.get("limit", "")
        shown = int(limit) if limit.isdecimal() and int(limit) else documents.RECENT
        return Response(
            documents.task_status(
                company,
                limit=min(shown, LIMIT_MAX),
                language=language_of(request.headers.get("Accept-Language", "")),
                raw_errors=self.raw_errors,
            )
        )


def language_of(accepted: str) -> str:
    """Spanish or English, whichever the browser names first."""
    for language in accepted.split(","):
        name = language.strip().lower()[:2]
        if name in ("es", "en"):
            return name
    return "es"
