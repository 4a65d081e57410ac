"""What a product would write without the bridge's module: Django REST framework, token authentication, the same query."""

import os
from urllib.parse import urlsplit

import django
from django.conf import settings

URL = urlsplit(os.environ["PEER_DATABASE_URL"])
settings.configure(
    DEBUG=False, SECRET_KEY="peer", ALLOWED_HOSTS=["*"], ROOT_URLCONF="peer_rest", USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": URL.path[1:], "USER": URL.username,
                           "PASSWORD": URL.password or "", "HOST": URL.hostname, "PORT": URL.port, "CONN_MAX_AGE": 600,
                           "OPTIONS": {"options": "-c search_path=taskbridge"}}})
django.setup()

import hashlib  # noqa: E402

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import authentication, exceptions, permissions, serializers, views  # noqa: E402
from rest_framework.response import Response  # noqa: E402


class Tracker(models.Model):
    task_id = models.TextField()
    company_key = models.TextField()
    display_name = models.TextField()
    status = models.TextField()
    progress = models.IntegerField()
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField()
    error_message = models.TextField()
    task_type = models.TextField()

    class Meta:
        app_label = "peer"
        managed = False
        db_table = "background_task_trackers"


class TrackerSerializer(serializers.ModelSerializer):
    class Meta:
        model = Tracker
        fields = ["task_id", "display_name", "status", "progress", "started_at", "completed_at", "error_message",
                  "task_type"]


class OwnToken(authentication.BaseAuthentication):
    def authenticate(self, request):
        key = request.headers.get("Authorization", "").removeprefix("Token ")
        with connection.cursor() as cursor:
            cursor.execute("SELECT user_name FROM api_tokens WHERE token_sha256 = %s",
                           (hashlib.sha256(key.encode()).digest(),))
            row = cursor.fetchone()
        if not row:
            raise exceptions.AuthenticationFailed
        return type("User", (), {"is_authenticated": True, "name": row[0]})(), None


class TaskStatus(views.APIView):
    authentication_classes = [OwnToken]
    permission_classes = [permissions.IsAuthenticated]

    def get(self, request, company):
        rows = Tracker.objects.filter(company_key=str(company))
        active = rows.filter(completed_at__isnull=True)
        recent = rows.filter(completed_at__isnull=False).order_by("-completed_at")[:20]
        return Response({"active_tasks": TrackerSerializer(active, many=True).data,
                         "all_completed": not active.exists(),
                         "summary": {"total_tasks": rows.count(), "active_count": active.count(),
                                     "recent_completed": TrackerSerializer(recent, many=True).data}})


urlpatterns = [path("api/v1/companies/<int:company>/task_status/", TaskStatus.as_view())]
application = get_wsgi_application()
