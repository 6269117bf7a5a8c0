"""A webhook on loopback: a real HTTP server that keeps what is posted to it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"

SECRET = "T0/B0/a-secret-of-the-tests"
"""The path of the webhook's URL, which nobody may print."""


@dataclass
class Webhook:
    """A webhook.

    Attributes:
        url: Its address.
        statuses: How it answers the next requests. It answers all after them with 200.
        posted: The bodies that were posted to it.
    """

    url: str
    statuses: list[int] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Runs a webhook."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/json; charset=utf-8"
            assert self.path == f"/{SECRET}"
            hook.posted.append(json.loads(body))
            self.send_response(hook.statuses.pop(0) if hook.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Keeps the output of the tests clean."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        hook = Webhook(f"http://{HOST}:{server.server_port}/{SECRET}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield hook
        server.shutdown()
        thread.join()
