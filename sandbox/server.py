"""Both stand-ins in one process: `python -m sandbox`. Prints one line of JSON when ready."""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from sandbox.baselinker_api import BaseLinkerApi
from sandbox.salesmanago_api import SalesManagoApi
from sandbox.settings_file import settings_file
from sandbox.shop import make_shop

TOKEN, CLIENT_ID, SECRET = "1000-2000-SANDBOXTOKEN", "sandbox-client", "sandbox-secret"
OWNER, V3_KEY, LOCATION = "owner@example.com", "sandbox-v3-key", "sandbox_shop"


def environment(baselinker_url: str, salesmanago_url: str) -> dict[str, str]:
    """Return the settings that point the programs at the sandbox."""
    return {
        "BASELINKER_API_URL": baselinker_url,
        "BASELINKER_TOKEN": TOKEN,
        "SALESMANAGO_API_URL": salesmanago_url,
        "SALESMANAGO_CLIENT_ID": CLIENT_ID,
        "SALESMANAGO_API_SECRET": SECRET,
        "SALESMANAGO_OWNER": OWNER,
        "SALESMANAGO_LOCATION": LOCATION,
        "SALESMANAGO_V3_API_URL": salesmanago_url.replace("/api", "/v3"),
        "SALESMANAGO_V3_API_KEY": V3_KEY,
    }


class Listener:
    """One API's port. `POST /_sandbox/listen {"off": seconds}`: connections end, new ones are refused for so long."""

    def __init__(self, app: web.Application, host: str, port: int) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._host, self.port = host, port
        self._site: web.TCPSite | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        app.router.add_post("/_sandbox/listen", self._listen)

    async def start(self) -> None:
        """Listen."""
        await self._runner.setup()
        await self._open()

    async def stop(self) -> None:
        """End for good."""
        for task in self._tasks:
            task.cancel()
        await self._runner.cleanup()

    async def _open(self) -> None:
        self._site = web.TCPSite(self._runner, self._host, self.port, reuse_address=True)
        await self._site.start()
        self.port = int(self._runner.addresses[0][1])

    async def _listen(self, request: web.Request) -> web.Response:
        task = asyncio.create_task(self._away(float((await request.json())["off"])))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return web.json_response({"ok": True})

    async def _away(self, seconds: float) -> None:
        await asyncio.sleep(0.05)  # the answer to who asked for it
        if self._site is None:
            return
        site, self._site = self._site, None
        await site.stop()
        for connection in self._runner.server.connections if self._runner.server is not None else []:
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(seconds)
        await self._open()


async def tell(sales: SalesManagoApi) -> None:
    """Say how much has arrived, whenever it is more."""
    before = (0, 0)
    while True:
        await asyncio.sleep(2)
        now = len(sales.contacts.by_id), len(sales.events)
        if now != before:
            print(f"SALESmanago has {now[0]} contacts and {now[1]} purchases", flush=True)
        before = now


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal comes."""
    shop = make_shop(options.orders, options.seed, int(time.time()), options.sparse, versions=options.versions,
                     relays=options.relays)  # fmt: skip
    base = BaseLinkerApi(shop, TOKEN, options.seed)
    base.switches.cursor, base.switches.types = options.cursor, options.types
    base.switches.limit = options.limit
    sales = SalesManagoApi(CLIENT_ID, SECRET, OWNER, V3_KEY, LOCATION, options.seed)
    sales.switches.latency = options.latency
    listeners = [
        Listener(base.app, options.host, options.baselinker_port),
        Listener(sales.app, options.host, options.salesmanago_port),
    ]
    for listener in listeners:
        await listener.start()
    ports = [listener.port for listener in listeners]
    host = options.name or ("127.0.0.1" if options.host in {"0.0.0.0", "::"} else options.host)  # noqa: S104 - compared
    urls = environment(f"http://{host}:{ports[0]}/connector.php", f"http://{host}:{ports[1]}/api")
    print(
        "\n".join(f"{name}={value}" for name, value in urls.items()) if options.lines else json.dumps(urls), flush=True
    )
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    with settings_file(options.settings_file, urls, options.limit):
        told = asyncio.create_task(tell(sales)) if options.settings_file else None
        await stop.wait()
        if told is not None:
            told.cancel()
    for listener in listeners:
        await listener.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sandbox."""
    parser = argparse.ArgumentParser(prog="sandbox", description="Stand-ins of both APIs with a shop's orders.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--name", default="", help="host name the programs know it by")
    parser.add_argument("--settings-file", type=Path, help="where to put settings that point programs at it")
    parser.add_argument("--baselinker-port", type=int, default=0)
    parser.add_argument("--salesmanago-port", type=int, default=0)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--relays", type=int, default=0, help="orders with marketplaces' relay addresses, on top")
    parser.add_argument("--sparse", action="store_true", help="order ids far apart")
    parser.add_argument("--versions", action="store_true", help="buyers' names end in the order's id and version")
    parser.add_argument("--cursor", choices=["inclusive", "exclusive"], default="inclusive")
    parser.add_argument("--types", choices=["new", "old"], default="new")
    parser.add_argument("--limit", type=int, default=100, help="BaseLinker requests a minute before a block")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds SALESmanago takes to answer")
    parser.add_argument("--lines", action="store_true", help="print the settings as lines of .env, not as JSON")
    options = parser.parse_args(argv)
    try:
        asyncio.run(serve(options))
    except OSError as error:
        ports = f"{options.baselinker_port} and {options.salesmanago_port}"
        print(f"the sandbox can't listen on {options.host}, ports {ports}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
