"""A mail server that accepts mail only over TLS and with a login, and writes each mail to a file.

    server.py CERTIFICATE KEY DIRECTORY starttls|implicit

The server prints its port, and ends when its standard input ends.
"""

import asyncio
import pathlib
import socket
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Keep:
    def __init__(self, directory):
        self.directory, self.count = pathlib.Path(directory), 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone"):
            return "550 no such user"
        if address.startswith("slow"):
            await asyncio.sleep(30)
        envelope.rcpt_tos.append(address)
        return "250 yes"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        (self.directory / f"mail-{self.count}").write_bytes(envelope.content)
        return "250 kept"


def allow(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"pager", b"mail-password"))


certificate, key, directory, how = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)
with socket.create_server(("127.0.0.1", 0)) as found:
    port = found.getsockname()[1]
protection = {"tls_context": context, "require_starttls": True}
if how == "implicit":
    # aiosmtpd requires STARTTLS before a login even if the connection already uses TLS.
    protection = {"ssl_context": context, "auth_require_tls": False}
controller = Controller(
    Keep(directory),
    hostname="127.0.0.1",
    port=port,
    authenticator=allow,
    auth_required=True,
    **protection,
)
controller.start()
print(port, flush=True)
sys.stdin.read()
