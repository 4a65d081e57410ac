"""The API that the product's frontend uses, and a page for people who look around."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST
from rest_framework.authtoken.models import Token
from rest_framework.response import Response
from rest_framework.views import APIView
from taskbridge_celery import watch_token
from taskbridge_celery.django.views import CompanyTaskStatusView


def shown(company):
    return {
        "id": company.pk,
        "name": company.name,
        "finalized_at": company.finalized_at,
    }


class Companies(APIView):
    """The user's companies."""

    def get(self, request):
        return Response([shown(company) for company in request.user.companies.all()])


class OneCompany(APIView):
    """One of them; what access.forward asks."""

    def get(self, request, company_id):
        return Response(shown(get_object_or_404(request.user.companies, pk=company_id)))


class Finalize(APIView):
    """Start the onboarding."""

    def post(self, request, company_id):
        company = get_object_or_404(request.user.companies, pk=company_id)
        rows = company.finalize()
        return Response({"task_ids": [row.task_id for row in rows]}, status=202)


class TaskStatus(CompanyTaskStatusView):
    """What taskbridge-http serves, from the product itself."""

    def get_companies(self):
        return self.request.user.companies.all()


class WatchToken(APIView):
    """What the browser shows to taskbridge-http: for 15 minutes, this company alone."""

    def get(self, request, company_id):
        company = get_object_or_404(request.user.companies, pk=company_id)
        return Response({"token": watch_token(company, user=request.user)})


@login_required
def home(request):
    key, _ = Token.objects.get_or_create(user=request.user)
    return render(
        request,
        "companies/home.html",
        {
            "companies": request.user.companies.all(),
            "key": key.key,
            "pages_url": settings.PAGES_URL,
        },
    )


@login_required
@require_POST
def finalize_page(request, company_id):
    get_object_or_404(request.user.companies, pk=company_id).finalize()
    return redirect("home")
