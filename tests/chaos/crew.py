"""Daemons that come and go, each behind proxies of its own, and the publisher that never gives up."""

import threading
import time

import amqp
from harness.broker import CELERYEV, Confirms, connect

# Short, so that a broken network is noticed within a round; the defaults are for the world.
PATIENCE = {"TASKBRIDGE_AMQP_HEARTBEAT_S": "2", "TASKBRIDGE_AMQP_CONNECT_TIMEOUT_S": "2",
            "TASKBRIDGE_DATABASE_CONNECT_TIMEOUT_S": "2", "TASKBRIDGE_DATABASE_RESPONSE_TIMEOUT_S": "3",
            "TASKBRIDGE_DAEMON_SHUTDOWN_TIMEOUT_S": "5", "TASKBRIDGE_MAINTENANCE_STATUSES_EVERY_S": "5",
            # The lives are of another month; no row goes while the test lasts.
            "TASKBRIDGE_MAINTENANCE_HISTORY_AFTER_S": "3650d", "TASKBRIDGE_MAINTENANCE_ORPHANED_AFTER_S": "3650d"}
BLOCK = 50


class Daemon:
    """One taskbridged of the crew. Its proxies stay where they are when it is killed and started again."""

    def __init__(self, site, number):
        self.site = site
        self.number = number
        self.amqp = site.proxy_to(site.amqp_url)
        self.database = site.proxy_to(site.database_url)
        self.process = None

    def start(self):
        self.process = self.site.start_daemon(
            wait=False, TASKBRIDGE_AMQP_URL=self.amqp.url(self.site.amqp_url),
            TASKBRIDGE_DATABASE_URL=self.database.url(self.site.database_url),
            TASKBRIDGE_DAEMON_INSTANCE=f"chaos-{self.number}", **PATIENCE)

    def is_running(self):
        return self.process is not None and self.process.is_running()

    def kill(self):
        self.process.kill()
        self.process = None

    def terminate(self):
        """It must end well whatever is broken around it; a signal before it runs ends any program."""
        self.process.wait_for(" started ", 30)
        self.process.terminate(timeout=20)
        self.process = None

    def restore(self):
        self.amqp.restore()
        self.database.restore()
        if self.is_running():
            self.process.cont()
        else:
            self.start()


class Publisher(threading.Thread):
    """Publishes messages, block after block, each until the broker has confirmed all of it: after a broken connection the
    whole block again, for events may come twice."""

    def __init__(self, url, bodies, pause):
        super().__init__(daemon=True)
        self.url = url
        self.bodies = bodies
        self.pause = pause
        self.repeats = 0
        self.given_up = threading.Event()

    def run(self):
        for start in range(0, len(self.bodies), BLOCK):
            while not self.given_up.is_set():
                try:
                    self.publish(self.bodies[start:start + BLOCK])
                    break
                except (OSError, AssertionError, amqp.AMQPError):
                    self.repeats += 1
                    time.sleep(0.1)
            time.sleep(self.pause)

    def publish(self, bodies):
        connection = connect(self.url)
        try:
            channel = connection.channel()
            channel.confirm_select()
            confirmed = Confirms(channel)
            for body in bodies:
                message = amqp.Message(body.encode("utf-8"), content_type="application/json",
                                       content_encoding="utf-8", delivery_mode=1)
                channel.basic_publish(message, exchange=CELERYEV, routing_key="task.multi")
            confirmed.wait(len(bodies), 10)
        finally:
            try:
                connection.close()
            except (OSError, amqp.AMQPError):
                pass
