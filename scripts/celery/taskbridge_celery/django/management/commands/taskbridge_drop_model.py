"""Prints, or writes, the migrations with which a product leaves its own tracker model.

There are two, for two steps of joining (README.md of this package). ``release`` goes
with the first code that does without the model: Django forgets it, and the table
loses its foreign keys, so that companies can be deleted by code that no longer knows
of it; the old code, which still runs beside, goes on with the table. ``drop`` goes
when no old process is left and the rows have been adopted.
"""

from __future__ import annotations

import pathlib
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import connections, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.writer import MigrationWriter

RELEASE, DROP = "release", "drop"


class Command(BaseCommand):
    help = "Print the migrations with which a product leaves its own tracker model."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("model", help="the old model, as app_label.ModelName")
        parser.add_argument(
            "--write",
            choices=(RELEASE, DROP),
            help="put that one into the app's migrations",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        app_label, _, name = options["model"].partition(".")
        loader = MigrationLoader(connections["default"])
        leaf = self.leaf_of(loader, app_label)
        model = self.find(loader, app_label, name)
        released = self.migration(app_label, leaf, RELEASE, release(model))
        # The one that drops follows whatever is the last when it is written.
        after = leaf if options["write"] == DROP else released.name
        dropped = self.migration(app_label, after, DROP, drop(model))
        if options["write"]:
            self.write(released if options["write"] == RELEASE else dropped)
            return
        for migration in (released, dropped):
            self.stdout.write("# %s" % MigrationWriter(migration).path)
            self.stdout.write(MigrationWriter(migration, include_header=False).as_string())

    def leaf_of(self, loader: MigrationLoader, app_label: str) -> str:
        try:
            apps.get_app_config(app_label)
        except LookupError as error:
            raise CommandError(str(error)) from error
        leaves = loader.graph.leaf_nodes(app_label)
        if len(leaves) != 1:
            raise CommandError(
                "%s needs one last migration, it has %d" % (app_label, len(leaves))
            )
        return str(leaves[0][1])

    def find(self, loader: MigrationLoader, app_label: str, name: str) -> Any:
        """The model as it was last, also where a migration has released it."""
        for node in reversed(loader.graph.forwards_plan((app_label, self.leaf_of(loader, app_label)))):
            state = loader.project_state(node, at_end=True)
            if (app_label, name.lower()) in state.models:
                model = state.apps.get_model(app_label, name)
                if not model._meta.managed:
                    raise CommandError("%s is not the product's" % model._meta.label)
                self.refuse_relations(state.apps, model)
                return model
        raise CommandError("no migration of %s makes a model %s" % (app_label, name))

    def refuse_relations(self, state_apps: Any, model: Any) -> None:
        if model._meta.many_to_many:
            raise CommandError(
                "%s has many-to-many fields: remove them first" % model._meta.label
            )
        for other in state_apps.get_models():
            for field in other._meta.local_fields:
                if other is not model and field.related_model is model:
                    raise CommandError(
                        "%s.%s refers to it: change that first"
                        % (other._meta.label, field.name)
                    )

    def migration(
        self, app_label: str, after: str, kind: str, operations: list[Any]
    ) -> migrations.Migration:
        number = int(after[:4]) + 1 if after[:4].isdigit() else 1
        migration = migrations.Migration("%04d_tracker_%s" % (number, kind), app_label)
        migration.dependencies = [(app_label, after)]
        migration.operations = operations
        return migration

    def write(self, migration: migrations.Migration) -> None:
        writer = MigrationWriter(migration)
        pathlib.Path(writer.path).write_text(writer.as_string(), encoding="utf-8")
        self.stdout.write("wrote %s" % writer.path)


def release(model: Any) -> list[Any]:
    """No foreign key binds the table any more, and Django knows it no longer."""
    operations: list[Any] = []
    for field in model._meta.local_fields:
        if isinstance(field, models.ForeignKey) and field.db_constraint:
            free = field.clone()
            free.db_constraint = False
            operations.append(
                migrations.AlterField(model._meta.model_name, field.name, free)
            )
    operations.append(
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.DeleteModel(model._meta.object_name)]
        )
    )
    return operations


def drop(model: Any) -> list[Any]:
    table = connections["default"].ops.quote_name(model._meta.db_table)
    return [
        migrations.RunSQL(
            "DROP TABLE IF EXISTS %s" % table, reverse_sql=migrations.RunSQL.noop
        )
    ]
