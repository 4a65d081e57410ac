"""Certificates that a test makes for itself, and RabbitMQ listening with one of them."""

import subprocess

from .process import free_port


class Authority:
    """A certificate authority in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.certificate = directory / "ca.pem"
        self.key = directory / "ca.key"
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.certificate,
                     "-days", "2", "-subj", "/CN=an authority of the tests")

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], text=True, check=False, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, f"openssl {arguments}: {done.stdout}"

    def issue(self, name, *subject_names):
        """A certificate and its key, for subject names such as DNS:localhost; the two files."""
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        extensions.write_text(f"subjectAltName={','.join(subject_names)}\n", encoding="ascii")
        self.openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                     "-out", certificate, "-days", "2", "-extfile", extensions)
        return certificate, key


def listen_with_tls(stack, authority, certificate, key, ask_clients=False):
    """Has RabbitMQ listen on another port; returns it. It stays for as long as the server runs."""
    port = free_port()
    verify = "{verify, verify_peer}, {fail_if_no_peer_cert, true}" if ask_clients else "{verify, verify_none}"
    stack.evaluate(f"""
        rabbit_networking:ensure_ssl(),
        rabbit_networking:start_ssl_listener({{"127.0.0.1", {port}}},
            [{{cacertfile, "{authority.certificate}"}}, {{certfile, "{certificate}"}}, {{keyfile, "{key}"}}, {verify}], 1).""")
    return port
