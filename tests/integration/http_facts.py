"""What tests of the HTTP module put into the database by hand, and bytes sent to it as they stand."""

import hashlib
import secrets
import socket
from urllib.parse import urlsplit

from harness.database import TRACKERS


def status_path(company):
    return f"/api/v1/companies/{company}/task_status/"


def add_task(site, task_id, company, **facts):
    """One row; facts are columns of the table that are not generated."""
    columns = {"task_id": task_id, "registered_company": str(company), **facts}
    names = ", ".join(columns)
    places = ", ".join(["%s"] * len(columns))
    site.database.execute(f"INSERT INTO {TRACKERS} ({names}) VALUES ({places})", list(columns.values()))


def add_company(site, company, name):
    site.database.execute("INSERT INTO companies (id, name) VALUES (%s, %s)", (str(company), name))


def allow(site, user, company):
    site.database.execute("INSERT INTO company_members (user_name, company_id) VALUES (%s, %s)", (user, str(company)))


def add_token(site, user, scope="companies", expires="NULL", revoked="NULL"):
    """The key; expires and revoked are SQL."""
    key = secrets.token_hex(32)
    site.database.execute(
        "INSERT INTO api_tokens (user_name, scope, token_sha256, expires_at, revoked_at) "
        f"VALUES (%s, %s, %s, {expires}, {revoked})", (user, scope, hashlib.sha256(key.encode()).digest()))
    return key


def serve(site, **variables):
    """A server with company 73 and its user ana; server.token is ana's, server.ask(path) asks with it. What ended years
    ago is seen too: rows are written by hand, with stamps that don't move."""
    site.config.setdefault("maintenance", {}).setdefault("completed_after_s", "3650d")
    add_company(site, 73, "Example Company")
    allow(site, "ana", 73)
    server = site.start_http(**variables)
    server.token = add_token(site, "ana")
    server.ask = lambda path=status_path(73), **options: server.http.get(path, token=server.token, **options)
    return server


def open_socket(server, timeout=20):
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=timeout)


def send_raw(server, data, timeout=20):
    """Sends the bytes on a connection of their own, and returns all that comes until the server closes it."""
    with open_socket(server, timeout) as connection:
        connection.sendall(data)
        return read_all(connection)


def read_all(connection):
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def status_of(received):
    """Of the first answer in these bytes."""
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.") else None
