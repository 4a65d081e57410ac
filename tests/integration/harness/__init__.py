"""What the tests that need real servers are written with.

One stack (RabbitMQ and PostgreSQL) a pytest process; one site a test: a fresh virtual host, a fresh database and a
configuration of its own, beside which the real programs and real Celery workers run.
"""

from .broker import EVENTS_QUEUE, Broker
from .database import Database
from .process import Process, free_port
from .product import Product
from .proxy import Proxy
from .site import Site
from .stack import Stack
from .waiting import wait_until

__all__ = ["EVENTS_QUEUE", "Broker", "Database", "Process", "Product", "Proxy", "Site", "Stack", "free_port", "wait_until"]
