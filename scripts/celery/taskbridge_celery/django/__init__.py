"""The Django side: add ``taskbridge_celery.django`` to ``INSTALLED_APPS``.

Settings, all optional:

``TASKBRIDGE_COMPANY_MODEL``         "companies.Company": makes ``company`` a relation
``TASKBRIDGE_COMPANY_RELATED_NAME``  the relation's other end (default: none)
``TASKBRIDGE_SCHEMA``                database.schema of taskbridge ("taskbridge")
``TASKBRIDGE_COMPLETED_AFTER``       maintenance.completed_after_s of taskbridge (3600)
``TASKBRIDGE_FAILURE_MESSAGES``      what customers read of a failed task, by a glob
                                     on its Celery name, as failure_message in rules
``TASKBRIDGE_CONSOLE_URL``           where operators find the console, for links
``TASKBRIDGE_WATCH_SECRET``          access.watch.secret of taskbridge, for watch_token
"""
