"""Starts a company's onboarding, as its last form does."""

from demo.companies.models import Company
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Start the onboarding of a company; print the id and the name of each task."

    def add_arguments(self, parser):
        parser.add_argument("--company", type=int, default=73, metavar="ID")

    def handle(self, *args, **options):
        try:
            company = Company.objects.get(pk=options["company"])
        except Company.DoesNotExist:
            raise CommandError("there is no company %d" % options["company"])
        for row in company.finalize():
            self.stdout.write("%s %s" % (row.task_id, row.task_name))
