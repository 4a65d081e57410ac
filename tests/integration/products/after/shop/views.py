"""The view that the frontend polls, and what it needs beside."""

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.views import APIView

from .models import BackgroundTaskTracker, Company


class Alive(APIView):
    def get(self, request):
        return Response({})


class Companies(APIView):
    def post(self, request):
        return Response({"id": Company.objects.create(name="Example Company").pk}, status=201)


class OneCompany(APIView):
    def delete(self, request, company_id):
        get_object_or_404(Company, pk=company_id).delete()
        return Response(status=204)


class Finalize(APIView):
    def post(self, request, company_id):
        tracker = get_object_or_404(Company, pk=company_id).finalize()
        return Response({"task_id": tracker.task_id}, status=202)


class TaskStatus(APIView):
    def get(self, request, company_id):
        company = get_object_or_404(Company, pk=company_id)
        trackers = BackgroundTaskTracker.objects.filter(company=company)
        active = trackers.filter(status__in=["pending", "running"]).order_by("created")
        completed = trackers.filter(status__in=["success", "failed"]).order_by("-completed_at")
        return Response({
            "active_tasks": [self.shown(tracker) for tracker in active],
            "all_completed": not active.exists(),
            "summary": {"total_tasks": trackers.count(), "active_count": active.count(),
                        "completed_count": completed.count(),
                        "recent_completed": [self.shown(tracker) for tracker in completed[:5]]},
            "company_id": company.id, "company_name": company.name, "checked_at": timezone.now().isoformat(),
        })

    @staticmethod
    def shown(tracker):
        return {"task_id": tracker.task_id, "name": tracker.display_name, "status": tracker.status,
                "progress": tracker.progress, "error_message": tracker.error_message or None,
                "started_at": tracker.started_at and tracker.started_at.isoformat(),
                "task_type": tracker.task_name.split(".")[-1]}
