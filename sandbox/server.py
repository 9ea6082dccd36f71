"""Both stand-ins in one process: `python -m sandbox`. Prints one line of JSON when ready."""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence

from aiohttp import web

from sandbox.baselinker_api import BaseLinkerApi
from sandbox.salesmanago_api import SalesManagoApi
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


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal comes."""
    shop = make_shop(options.orders, options.seed, int(time.time()), options.sparse)
    base = BaseLinkerApi(shop, TOKEN, options.seed)
    base.switches.cursor, base.switches.types = options.cursor, options.types
    base.switches.limit = options.limit
    sales = SalesManagoApi(CLIENT_ID, SECRET, OWNER, V3_KEY, LOCATION, options.seed)
    sales.switches.latency = options.latency
    runners = []
    ports = []
    for app, port in ((base.app, options.baselinker_port), (sales.app, options.salesmanago_port)):
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, options.host, port)
        await site.start()
        runners.append(runner)
        ports.append(runner.addresses[0][1])
    host = "127.0.0.1" if options.host in {"0.0.0.0", "::"} else options.host  # noqa: S104 - compared, not bound
    urls = environment(f"http://{host}:{ports[0]}/connector.php", f"http://{host}:{ports[1]}/api")
    print(json.dumps(urls), flush=True)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await stop.wait()
    for runner in runners:
        await runner.cleanup()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sandbox."""
    parser = argparse.ArgumentParser(prog="sandbox", description="Stand-ins of both APIs with a shop's orders.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--baselinker-port", type=int, default=0)
    parser.add_argument("--salesmanago-port", type=int, default=0)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sparse", action="store_true", help="order ids far apart")
    parser.add_argument("--cursor", choices=["inclusive", "exclusive"], default="inclusive")
    parser.add_argument("--types", choices=["new", "old"], default="new")
    parser.add_argument("--limit", type=int, default=100, help="BaseLinker requests a minute before a block")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds SALESmanago takes to answer")
    asyncio.run(serve(parser.parse_args(argv)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
