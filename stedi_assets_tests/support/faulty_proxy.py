"""A proxy in front of a server that speaks HTTP/1.1, which fails requests as rules say.

What it does not fail it passes on as it came, so that signatures hold. It runs in a process of its own, which
`stedi_assets_tests.servers.faulty_proxy` starts: it listens on a port and obeys commands on its standard input, a line
of JSON each with a line of JSON in answer, until that input ends.

- `{"set_rules": [{"fault": "slow down", "every": 3}]}`: fail requests by these rules from now on, and count anew.
- `{"requests": null}`: answer with the requests that came since then.
"""

import argparse
import asyncio
import json
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import h11

CHUNK = 1 << 18

SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message>"
    b"<RequestId>0000000000000000</RequestId></Error>"
)


KEY_REFUSED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/reader is not authorized to "
    b"perform: kms:Decrypt on resource: arn:aws:kms:eu-north-1:123456789012:key/1</Message></Error>"
)

ANSWERS = {"slow down": (503, b"Slow Down", SLOW_DOWN), "key refused": (403, b"Forbidden", KEY_REFUSED)}
"""From a fault to what is answered in the server's place."""


class Fault(StrEnum):
    """What can befall a request."""

    SLOW_DOWN = "slow down"
    """It is answered with 503 and does not reach the server."""

    KEY_REFUSED = "key refused"
    """It is answered as AWS does who may not use the key that an object is encrypted with."""

    GONE = "gone"
    """It and all others under way are cut off, and connections are refused for a while."""

    LOST_ACKNOWLEDGEMENT = "lost acknowledgement"
    """The server does what it asks, but in place of the answer the client sees the connection end."""


@dataclass(frozen=True)
class Rule:
    """Which requests a fault befalls.

    Attributes:
        fault: What befalls them.
        method: A regular expression, found in the method of each.
        target: A regular expression, found in the path and query of each.
        every: 3 is every third of those that fit.
        times: How many at most.
        seconds: How long the server is gone.
    """

    fault: Fault
    method: str = ""
    target: str = ""
    every: int = 1
    times: int = sys.maxsize
    seconds: float = 0


@dataclass
class Request:
    """A request that came.

    Attributes:
        method: Such as PUT.
        target: Its path and query.
        status: What the server, or the proxy in its place, answered; None where there was no answer.
        fault: What befell it.
    """

    method: str
    target: str
    status: int | None = None
    fault: Fault | None = None


@dataclass
class Count:
    """How often a rule fitted, and how often its fault befell a request."""

    rule: Rule
    fitted: int = 0
    befell: int = 0

    def next(self, request: Request) -> bool:
        """Counts a request, and says whether the fault befalls it."""
        fits = re.search(self.rule.method, request.method) and re.search(self.rule.target, request.target)
        self.fitted += bool(fits)
        befalls = bool(fits) and self.fitted % self.rule.every == 0 and self.befell < self.rule.times
        self.befell += befalls
        return befalls


class GoneError(Exception):
    """The fault of that name befell a request.

    Args:
        seconds: How long the server is gone.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Peer:
    """A connection, and the state of HTTP on it.

    It is a bare socket, not a stream of asyncio: when a stream can send no more it forgets what came, which is the
    answer of a server that refuses a body before it has read all of it.

    Args:
        role: `h11.SERVER` where the other end is a client.
        connection: The connection.
    """

    def __init__(self, role: Any, connection: socket.socket) -> None:
        self.http = h11.Connection(role)
        self._connection = connection

    async def receive(self) -> Any:
        """Returns the next event of h11."""
        while (event := self.http.next_event()) is h11.NEED_DATA:
            self.http.receive_data(await asyncio.get_running_loop().sock_recv(self._connection, CHUNK))
        return event

    async def send(self, event: Any) -> None:
        """Sends an event of h11."""
        await asyncio.get_running_loop().sock_sendall(self._connection, self.http.send(event) or b"")


@dataclass
class Proxy:
    """Passes requests on to a server, or fails them.

    Attributes:
        server: The server's host and port.
        port: Where to listen, on loopback.
    """

    server: tuple[str, int]
    port: int
    _counts: list[Count] = field(default_factory=list)
    _requests: list[Request] = field(default_factory=list)

    def set_rules(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Fails requests by these rules from now on, and forgets those that came."""
        self._counts = [Count(Rule(**rule)) for rule in rules]
        self._requests = []

    def requests(self, _: None) -> list[dict[str, Any]]:
        """Returns the requests that came since the rules were set."""
        return [asdict(request) for request in self._requests]

    async def run(self) -> None:
        """Serves for ever, but for the times it is gone."""
        while True:
            seconds = 0.0
            try:
                await self._listen()
            except* GoneError as gone:
                seconds = max(each.seconds for each in gone.exceptions if isinstance(each, GoneError))
            await asyncio.sleep(seconds)

    async def _listen(self) -> None:
        # However far the task that serves a connection came, none is left open when all are cut off.
        with socket.create_server(("127.0.0.1", self.port)) as listener, ExitStack() as connections:
            listener.setblocking(False)
            # An error that ends one task of the group ends them all.
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await _knock(listener)
                    connection = connections.enter_context(listener.accept()[0])
                    connection.setblocking(False)
                    tasks.create_task(self._converse(connection))

    async def _converse(self, connection: socket.socket) -> None:
        with connection:
            try:
                await self._serve(Peer(h11.SERVER, connection))
            # Who ends a connection in the middle ends it for the other side, too.
            except* (OSError, h11.ProtocolError):
                pass

    async def _serve(self, client: Peer) -> None:
        while isinstance(event := await client.receive(), h11.Request):
            await self._answer(client, event)
            if client.http.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                return
            client.http.start_next_cycle()

    async def _answer(self, client: Peer, event: h11.Request) -> None:
        request = Request(event.method.decode(), event.target.decode())
        self._requests.append(request)
        # Each rule counts the request, and the first whose turn it is befalls it.
        due = [count for count in self._counts if count.next(request)]
        match due:
            case [Count(rule=Rule(fault=Fault.SLOW_DOWN | Fault.KEY_REFUSED as fault)), *_]:
                request.fault = fault
                await _answer_instead(client, request)
            case [Count(rule=Rule(fault=Fault.GONE, seconds=seconds)), *_]:
                request.fault = Fault.GONE
                raise GoneError(seconds)
            case _:
                await self._forward(client, event, request, due)

    async def _forward(self, client: Peer, event: h11.Request, request: Request, losing: Sequence[Count]) -> None:
        with socket.socket() as connection:
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, self.server)
            server = Peer(h11.CLIENT, connection)
            await server.send(event)
            async with asyncio.TaskGroup() as both_ways:
                upload = both_ways.create_task(_pass_body(client, server))
                response = await _response(client, server)
                request.status = response.status_code
                if losing and response.status_code < 300:
                    request.fault = Fault.LOST_ACKNOWLEDGEMENT
                    await _read_to_end(server)
                    raise ConnectionAbortedError
                for count in losing:
                    count.befell -= 1
                if client.http.they_are_waiting_for_100_continue:
                    upload.cancel()
                await client.send(response)
                await _pass_body(server, client)


async def _knock(listener: socket.socket) -> None:
    """Waits for a connection, and does not accept it as loop.sock_accept does, which loses it when it is cancelled."""
    loop = asyncio.get_running_loop()
    knock = asyncio.Event()
    loop.add_reader(listener, knock.set)
    try:
        await knock.wait()
    finally:
        loop.remove_reader(listener)


async def _answer_instead(client: Peer, request: Request) -> None:
    if not client.http.they_are_waiting_for_100_continue:
        await _read_to_end(client)
    request.status, reason, body = ANSWERS[request.fault or ""]
    headers = {"Content-Type": "application/xml", "Content-Length": str(len(body))}
    await client.send(h11.Response(status_code=request.status, reason=reason, headers=[*headers.items()]))
    if request.method != "HEAD":
        await client.send(h11.Data(data=body))
    await client.send(h11.EndOfMessage())


async def _response(client: Peer, server: Peer) -> h11.Response:
    """Passes on that the client may continue, and returns the response proper."""
    while isinstance(event := await server.receive(), h11.InformationalResponse):
        await client.send(event)
    assert isinstance(event, h11.Response)
    return event


async def _pass_body(source: Peer, target: Peer) -> None:
    event = None
    while not isinstance(event, h11.EndOfMessage):
        event = await source.receive()
        # A server may answer and leave before it has read all that a client sends.
        with suppress(ConnectionError):
            await target.send(event)


async def _read_to_end(source: Peer) -> None:
    while not isinstance(await source.receive(), h11.EndOfMessage):
        pass


async def _obey(proxy: Proxy) -> None:
    commands: Mapping[str, Callable[[Any], Any]] = {"set_rules": proxy.set_rules, "requests": proxy.requests}
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(proxy.run())
        async for line in lines:
            ((command, argument),) = json.loads(line).items()
            print(json.dumps(commands[command](argument)), flush=True)
        running.cancel()


def main() -> None:
    """Runs the proxy."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True, help="host:port")
    parser.add_argument("--port", required=True, type=int)
    options = parser.parse_args()
    host, _, port = options.server.rpartition(":")
    asyncio.run(_obey(Proxy((host, int(port)), options.port)))


if __name__ == "__main__":
    main()
