"""A plain HTTP client: what a test sends is what it says, and nothing else."""

import http.client
import json
from urllib.parse import urlsplit


class Answer:
    """status, headers (names in lower case), body (bytes)."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class Http:
    """A connection of its own for each request, unless the caller opens one."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port

    def connect(self, timeout=20):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, headers=None, body=None, token=None, bearer=None, timeout=20):
        """token and bearer make the Authorization header."""
        headers = dict(headers or {})
        if token is not None:
            headers["Authorization"] = f"Token {token}"
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()},
                          response.read())
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def answers(self, path="/healthz"):
        """Whether it says there that it is well."""
        try:
            return self.get(path, timeout=5).status == 200
        except (OSError, http.client.HTTPException):
            return False
