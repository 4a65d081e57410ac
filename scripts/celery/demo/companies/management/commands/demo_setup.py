"""Makes what the example needs: a company and a user who may see it."""

import json

from demo.companies.models import Company
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import connection
from rest_framework.authtoken.models import Token


class Command(BaseCommand):
    help = "Make a company and a user who may see it; print them as JSON."

    def add_arguments(self, parser):
        parser.add_argument("--company", type=int, default=73, metavar="ID")
        parser.add_argument("--name", default="Example Company")
        parser.add_argument("--user", default="ana")
        parser.add_argument("--password", default="example")

    def handle(self, *args, **options):
        User = get_user_model()
        user, _ = User.objects.get_or_create(
            username=options["user"],
            defaults={"is_staff": True, "is_superuser": True},
        )
        user.set_password(options["password"])
        user.save()
        company, _ = Company.objects.update_or_create(
            pk=options["company"], defaults={"name": options["name"]}
        )
        company.users.add(user)
        if connection.vendor == "postgresql":  # the next company gets the next number
            table = Company._meta.db_table
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence(%%s, 'id'), max(id)) FROM %s"
                    % table,
                    [table],
                )
        key, _ = Token.objects.get_or_create(user=user)
        self.stdout.write(
            json.dumps(
                {
                    "company": company.pk,
                    "user": user.get_username(),
                    "password": options["password"],
                    "token": key.key,
                }
            )
        )
