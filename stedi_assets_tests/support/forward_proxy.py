"""A proxy that clients ask for hosts anywhere, and that leads them all to one server.

It runs in a process of its own, which `stedi_assets_tests.support.servers.forward_proxy` starts: it listens on a port
and answers each line `{"hosts": null}` on its standard input with the hosts that were asked for since the last one.
"""

import argparse
import asyncio
import json
import sys
from contextlib import suppress

CHUNK = 1 << 18


async def main() -> None:
    """Runs the proxy."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--server", required=True, type=int, help="the port of the server on loopback")
    options = parser.parse_args()
    hosts: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await _lead(reader, writer, options.server, hosts)
        writer.close()

    await asyncio.start_server(serve, "127.0.0.1", options.port)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for _ in lines:
        print(json.dumps(hosts), flush=True)
        hosts.clear()


async def _lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, hosts: list[str]) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    method, target, _ = head.decode().split(" ", 2)
    from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
    if method == "CONNECT":
        hosts.append(target.rpartition(":")[0])
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:
        _, _, host, path = target.split("/", 3)
        hosts.append(host)
        to_server.write(head.replace(target.encode(), b"/" + path.encode(), 1))
    await asyncio.gather(_pass_on(reader, to_server), _pass_on(from_server, writer))


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while chunk := await source.read(CHUNK):
        target.write(chunk)
        await target.drain()
    target.close()


if __name__ == "__main__":
    asyncio.run(main())
