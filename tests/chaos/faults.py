"""What can be broken. A fault has a place, and one place has one fault at a time; it begins, lasts, and ends.

begin() returns once the fault is there; end() repairs it and waits for nothing else. Each fault is a function that yields
in between.
"""

import contextlib

import psycopg2

SIMULATED = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{text}' USING ERRCODE = '{code}'; END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON background_task_trackers EXECUTE FUNCTION refuse()"""


class Faults:
    """All faults of a site and its crew, drawn by a seeded random."""

    def __init__(self, site, crew, random):
        self.site = site
        self.crew = crew
        self.random = random
        self.active = {}
        self.counts = {}
        self.queue_was_deleted = False

    def table(self):
        """(weight, place, name, fault)"""
        daemon = self.random.choice(self.crew)
        amqp, database = f"amqp {daemon.number}", f"database {daemon.number}"
        process = f"daemon {daemon.number}"
        return [
            (6, process, "kill -9", lambda: self.killed(daemon)),
            (3, process, "SIGTERM", lambda: self.terminated(daemon)),
            (3, process, "SIGSTOP", lambda: self.stopped(daemon)),
            (4, process, "committed, not acknowledged", lambda: self.killed_before_ack(daemon)),
            (3, amqp, "broker cut", lambda: self.proxied(daemon.amqp, "cut")),
            (2, amqp, "broker reset", lambda: self.proxied(daemon.amqp, "reset")),
            (2, amqp, "broker stalled", lambda: self.proxied(daemon.amqp, "stall")),
            (2, amqp, "broker half-open", lambda: self.proxied(daemon.amqp, "half_open")),
            (2, amqp, "broker byte by byte", lambda: self.proxied(daemon.amqp, "trickle")),
            (2, amqp, "broker refuses", lambda: self.proxied(daemon.amqp, "refuse")),
            (3, database, "database cut", lambda: self.proxied(daemon.database, "cut")),
            (2, database, "database reset", lambda: self.proxied(daemon.database, "reset")),
            (2, database, "database stalled", lambda: self.proxied(daemon.database, "stall")),
            (2, database, "database half-open", lambda: self.proxied(daemon.database, "half_open")),
            (2, database, "database byte by byte", lambda: self.proxied(daemon.database, "trickle")),
            (1, "rabbitmq", "kill -9 RabbitMQ", lambda: self.server_killed("rabbitmq")),
            (1, "rabbitmq", "restart RabbitMQ", lambda: self.server_stopped("rabbitmq")),
            (2, "rabbitmq", "connections closed by the broker", self.closed_by_broker),
            (1, "rabbitmq", "queue deleted", self.queue_deleted),
            (1, "rabbitmq", "disk alarm", self.disk_alarm),
            (2, "postgresql", "kill -9 PostgreSQL", lambda: self.server_killed("postgresql")),
            (2, "postgresql", "restart PostgreSQL", lambda: self.server_stopped("postgresql")),
            (3, "postgresql", "pg_terminate_backend", self.terminated_backends),
            (2, "postgresql", "disk full", lambda: self.refusing("53100", "could not extend file: No space left")),
            (2, "postgresql", "read-only", lambda: self.refusing("25006", "cannot execute INSERT in a read-only")),
            (2, "postgresql", "table locked", self.table_locked),
        ]

    def begin(self):
        """One more fault, at a place that has none; its name, or None."""
        free = [row for row in self.table() if row[1] not in self.active]
        if not free:
            return None
        _, place, name, fault = self.random.choices(free, weights=[row[0] for row in free])[0]
        generator = fault()
        next(generator)
        self.active[place] = generator
        self.counts[name] = self.counts.get(name, 0) + 1
        return place, name

    def end(self, place):
        next(self.active.pop(place), None)

    def end_all(self):
        # Servers first: what else is repaired may need them.
        for place in sorted(self.active, key=lambda name: name not in ("rabbitmq", "postgresql")):
            self.end(place)

    # ---- daemons ----

    @staticmethod
    def killed(daemon):
        if daemon.is_running():
            daemon.kill()
        yield
        daemon.start()

    @staticmethod
    def terminated(daemon):
        if daemon.is_running():
            daemon.terminate()
        yield
        daemon.start()

    @staticmethod
    def stopped(daemon):
        process = daemon.process
        if daemon.is_running():
            process.stop()
        yield
        if process is not None and process.is_running():
            process.cont()

    def killed_before_ack(self, daemon):
        """Its acknowledgements don't get through, its commits do, and then it is gone."""
        daemon.amqp.stall()
        yield
        if daemon.is_running():
            daemon.kill()
        daemon.amqp.restore()
        daemon.start()

    # ---- the network ----

    @staticmethod
    def proxied(proxy, mode):
        getattr(proxy, mode)()
        yield
        proxy.restore()

    # ---- servers ----

    def server_killed(self, server):
        self.site.stack.kill(server)
        yield
        self.site.stack.start(server)

    def server_stopped(self, server):
        self.site.stack.stop(server)
        yield
        self.site.stack.start(server)

    def closed_by_broker(self):
        self.site.broker.close_connections()
        yield

    def queue_deleted(self):
        self.site.broker.delete_queue()
        self.queue_was_deleted = True
        yield

    def disk_alarm(self):
        """The broker takes no messages: publishers wait."""
        self.site.stack.evaluate('rabbit_disk_monitor:set_disk_free_limit("900TB").')
        yield
        self.site.stack.evaluate('rabbit_disk_monitor:set_disk_free_limit("50MB").')

    # ---- the database ----

    def terminated_backends(self):
        self.site.database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                                 "datname = current_database() AND application_name LIKE 'taskbridged%%'")
        yield

    def refusing(self, code, text):
        """As it would answer: PostgreSQL itself can't be made to run out of disk without the machine's help."""
        with self.connected() as cursor:
            cursor.execute(SIMULATED.format(code=code, text=text))
        yield
        with self.connected() as cursor:
            cursor.execute("DROP FUNCTION refuse() CASCADE")

    def table_locked(self):
        connection = psycopg2.connect(self.site.database_url)
        connection.cursor().execute("SET lock_timeout = '20s'; LOCK TABLE background_task_trackers")
        yield
        connection.close()

    @contextlib.contextmanager
    def connected(self):
        """A session of the test's own, which no fault of the daemons' hinders."""
        connection = psycopg2.connect(self.site.database_url)
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()
