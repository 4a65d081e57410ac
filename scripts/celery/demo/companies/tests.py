"""The product's own tests; none of them knows that there is a taskbridge."""

from datetime import timedelta
from unittest import mock

from django.contrib.auth import get_user_model
from django.test import TestCase, TransactionTestCase
from django.utils import timezone
from rest_framework.test import APIClient
from taskbridge_celery.django.models import BackgroundTaskTracker

from .models import Company


class OnboardingTests(TestCase):
    def setUp(self):
        self.user = get_user_model().objects.create_user("ana", password="secret")
        self.company = Company.objects.create(name="Example Company")
        self.company.users.add(self.user)
        self.client = APIClient()
        self.client.force_authenticate(self.user)
        self.url = "/api/v1/companies/%d/" % self.company.pk

    def finalize(self):
        with mock.patch("demo.app.app.send_task") as send:
            with self.captureOnCommitCallbacks(execute=True):
                response = self.client.post(self.url + "finalize/")
        return response, send

    def test_finalize_registers_and_sends_the_four_tasks(self):
        response, send = self.finalize()
        self.assertEqual(response.status_code, 202)
        rows = BackgroundTaskTracker.objects.filter(company=self.company)
        self.assertEqual(rows.count(), 4)
        self.assertEqual(
            {row.task_id for row in rows},
            {call.kwargs["task_id"] for call in send.call_args_list},
        )
        row = rows.get(task_name="sii.sync_sii_documents_task")
        self.assertEqual(row.display_name, "Sincronizando documentos SII")
        self.assertEqual(row.status, "pending")
        self.assertEqual(row.metadata, {"source": "onboarding"})
        self.assertEqual(row.company, self.company)

    def test_status_shows_what_was_registered(self):
        self.finalize()
        document = self.client.get(self.url + "task_status/").json()
        self.assertEqual(document["summary"]["active_count"], 4)
        self.assertFalse(document["all_completed"])
        self.assertEqual(document["company_name"], "Example Company")

    def test_status_of_a_task_that_a_test_made(self):
        BackgroundTaskTracker.objects.create(
            company=self.company, task_id="t-1", status="running", progress=40
        )
        document = self.client.get(self.url + "task_status/").json()
        self.assertEqual(document["active_tasks"][0]["progress"], 40)

    def test_rows_are_found_by_the_names_of_time_stamped_models(self):
        rows = BackgroundTaskTracker.objects
        for number in (1, 2):
            at = timezone.now() - timedelta(days=number)
            rows.create(company=self.company, task_id="t-%d" % number, created=at)
        self.assertEqual(rows.order_by("created").first().task_id, "t-2")
        recent = rows.filter(created__gte=timezone.now() - timedelta(hours=36))
        self.assertEqual([row.task_id for row in recent], ["t-1"])
        self.assertEqual(recent.count(), 1)
        self.assertEqual(recent.get().created, recent.get().created_at)

    def test_another_users_company_is_not_there(self):
        other = Company.objects.create(name="Other")
        url = "/api/v1/companies/%d/task_status/" % other.pk
        self.assertEqual(self.client.get(url).status_code, 404)

    def test_company_with_tasks_can_be_deleted(self):
        self.finalize()
        self.company.delete()
        self.assertFalse(Company.objects.exists())

    def test_registering_is_one_statement(self):
        with self.assertNumQueries(1):
            BackgroundTaskTracker.create_for_task(
                company=self.company,
                task_result="t-2",
                task_name="sii.sync_sii_documents_task",
                display_name="Sincronizando",
            )

    def test_registering_again_changes_the_row(self):
        for name in ("one", "two"):
            BackgroundTaskTracker.create_for_task(self.company, "t-3", "x.task", name)
        row = BackgroundTaskTracker.objects.get(task_id="t-3")
        self.assertEqual(row.display_name, "two")

    def test_impossible_companies_are_refused(self):
        for company in (None, Company(name="unsaved"), "", "None", True):
            with self.assertRaises(ValueError):
                BackgroundTaskTracker.create_for_task(company, "t-4", "x.task", "X")


class RollbackTests(TransactionTestCase):
    def test_nothing_is_left_over_from_another_test(self):
        self.check()

    def test_nothing_is_left_over_from_this_one_either(self):
        self.check()

    def check(self):
        self.assertFalse(BackgroundTaskTracker.objects.exists())
        company = Company.objects.create(name="Example Company")
        BackgroundTaskTracker.create_for_task(company, "t-1", "x.task", "X")
        self.assertEqual(BackgroundTaskTracker.objects.count(), 1)
