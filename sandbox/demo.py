"""The demo: a Kafka, both stand-ins, one producer and two processors as processes, and a check of what arrived."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sandbox.children import Child, end, start
from sandbox.expected import Choice, Expectation, expect
from sandbox.kafka import NoKafka, start_kafka
from sandbox.open_shop import keep_open
from sandbox.remote import edit_order, fetch_state
from sandbox.server import LOCATION
from sandbox.verify import differences

MOST_SECONDS = 110.0
BUDGET = 600
CHANGED = 2  # so many orders are edited after they were sent
CONFIRMED = 2  # the journal's type
AGAIN = "is the machine short of memory? Run the demo again"
TAG = "Sklep Łódź"


class DemoFailed(Exception):
    """It could not be run to its end; the sentence says why."""


@dataclass(slots=True)
class Demo:
    """One run; `kill` = the first processor is killed in the middle and another one takes over.

    `stays_open` = afterwards the console is there until Ctrl-C, and somebody goes on buying.
    """

    orders: int
    seed: int
    kill: bool
    out: Console
    as_json: bool = False
    stays_open: bool = False
    changed: list[int] = field(default_factory=list, init=False)  # order ids
    _server: "subprocess.Popen[str] | None" = field(default=None, init=False)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="bl2sm-demo-")))

    def run(self) -> int:
        """Run to the end; 0 only when what arrived is what should have."""
        try:
            with ExitStack() as stack:
                kafka = stack.enter_context(start_kafka(tell=self.out.print))
                settings = stack.enter_context(self._sandbox())
                settings |= {
                    "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
                    "TOPIC_PREFIX": f"demo-{os.getpid()}-{int(time.time())}",
                    "BASELINKER_REQUESTS_PER_MINUTE": str(BUDGET),
                    "POLL_INTERVAL_SECONDS": "1",
                    "CONTACT_TAG": TAG,
                    "TAG_ORDER_SOURCE": "both",
                    "LOG_FORMAT": "json",
                }
                self.out.print(
                    f"Sandbox: {self.orders} orders; the stand-in's limit is raised from 100 to {BUDGET * 2} requests a"
                    " minute, so that the demo ends soon"
                )
                self._programs(settings)
                code = self._tell(settings)
                if self.stays_open and code == 0:
                    code = keep_open(settings, self.folder, self.out)
        except NoKafka as error:
            self.out.print(str(error))
            return 1
        except DemoFailed as error:
            self._show_logs()
            self.out.print(str(error))
            return 1
        except OSError as error:  # of a stand-in that is asked, and has ended
            self._show_logs()
            self.out.print(f"the sandbox ended in the middle ({error}): {AGAIN}")
            return 1
        if code == 0:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self._show_logs()
        return code

    @contextmanager
    def _sandbox(self) -> Iterator[dict[str, str]]:
        command = [sys.executable, "-m", "sandbox", "--orders", str(self.orders), "--seed", str(self.seed)]
        command += ["--limit", str(BUDGET * 2), "--latency", "0.05"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                self._server = server
                line = server.stdout.readline()
                if not line:
                    raise DemoFailed("the sandbox did not start: what it said stands above")
                yield json.loads(line)
            finally:
                server.terminate()

    def _programs(self, settings: Mapping[str, str]) -> None:
        """Producer to the end; processors beside it, and until nothing is left."""
        children: list[Child] = []
        until = time.monotonic() + MOST_SECONDS
        try:
            producer = self._start("producer", "producer", settings)
            children.append(producer)
            producer_done = False
            processors = [self._start("processor", f"processor-{number}", settings, False) for number in (1, 2)]
            children += processors
            killed, changed = not self.kill, False
            shown = -1
            while time.monotonic() < until:
                producer_done = producer.poll() is not None
                if self._server is not None and self._server.poll() is not None:
                    raise DemoFailed(f"the sandbox ended in the middle: {AGAIN}")
                if producer_done and producer.returncode != 0:
                    raise DemoFailed(f"the producer ended with {producer.returncode}: its log above says why")
                done = self._count_done()
                if done != shown:
                    shown = done
                    self.out.print(f"  {done} of {self.orders} orders done")
                if not killed and done > self.orders // 5:
                    killed = True
                    processors[0].kill()
                    self.out.print("  kill -9: processor-1; another one takes its place")
                    children.append(self._start("processor", "processor-3", settings, False))
                if producer_done and not changed and done >= self.orders // 2:
                    changed = self._change_prices(settings)
                    if changed:
                        producer = self._start("producer", "producer-2", settings)
                        children.append(producer)
                        continue
                    if done >= self.orders:
                        changed = True
                        self.out.print("  no order of the shop's own was sent: none is changed afterwards")
                if producer_done and changed and done >= self.orders and killed:
                    break
                time.sleep(1.0)
            for child in children:
                if child.poll() is None:
                    child.send_signal(signal.SIGTERM)
            last = self._start("processor", "processor-last", settings)  # until caught up: proves nothing is left
            children.append(last)
            seconds = max(10.0, until + 60 - time.monotonic())
            try:
                last.wait(seconds)
            except subprocess.TimeoutExpired:
                raise DemoFailed(
                    f"the last processor did not come to an end in {seconds:.0f} s: is the machine very busy? The logs"
                    f" above say what it waits for; --orders {max(10, self.orders // 3)} takes less time"
                ) from None
        finally:
            end(children)

    def _change_prices(self, settings: Mapping[str, str]) -> bool:
        """Somebody edits orders that are sent already; False where none is."""
        url = settings["BASELINKER_API_URL"]
        orders = {str(order["order_id"]): order for order in fetch_state(url)["orders"]}
        sent = [orders[str(event["externalId"])] for event in fetch_state(settings["SALESMANAGO_API_URL"])["events"]]
        self.changed = [order["order_id"] for order in sent if order["order_source"] == "shop"][:CHANGED]
        for order_id in self.changed:
            price = orders[str(order_id)]["delivery_price"] + 5
            edit_order(url, {"order_id": order_id, "delivery_price": price}, [CONFIRMED])
            self.out.print(
                f"  order {order_id} was sent already: now its delivery costs 5 more, and it is confirmed again"
            )
        return bool(self.changed)

    def _start(self, module: str, name: str, settings: Mapping[str, str], to_the_end: bool = True) -> Child:
        command = ["-m", module, *(["--until-caught-up"] if to_the_end else [])]
        return start(command, settings, self.folder / f"{name}.log")

    def _count_done(self) -> int:
        done = set()
        for path in self.folder.glob("processor-*.log"):
            for line in path.read_text(errors="replace").splitlines():
                if '"order done"' in line:
                    try:
                        done.add(json.loads(line)["order_id"])
                    except (ValueError, KeyError):
                        continue
        return len(done)

    def _tell(self, settings: Mapping[str, str]) -> int:
        base, sales = fetch_state(settings["BASELINKER_API_URL"]), fetch_state(settings["SALESMANAGO_API_URL"])
        choice = Choice(LOCATION, TAG, "both")
        expected = expect(base, choice)
        wrong = differences(base, sales, choice)
        if self.as_json:
            print(json.dumps(_result(base, sales, expected, wrong) | {"updated": len(self.changed)}))
        self._tables(base, sales, expected)
        self._stories(sales, expected)
        for line in wrong[:20]:
            self.out.print(f"WRONG {line}")
        if not wrong:
            self.out.print("Every order is where it should be: none lost, none doubled.")
        return 1 if wrong else 0

    def _tables(self, base: Mapping[str, Any], sales: Mapping[str, Any], expected: Sequence[Expectation]) -> None:
        reasons = _outcomes(expected)
        table = Table("orders", "outcome")
        for reason, count in reasons.most_common():
            table.add_row(str(count), reason)
        self.out.print(table)
        table = Table("SALESmanago", "")
        table.add_row("contacts", str(len(sales["contacts"])))
        table.add_row("purchases", str(len(sales["events"])))
        tags = Counter(tag for contact in sales["contacts"] for tag in contact["tags"])
        for tag, count in tags.most_common():
            table.add_row(f"tag {tag}", str(count))
        self.out.print(table)
        table = Table("requests", "")
        for api, state in (("BaseLinker", base), ("SALESmanago", sales)):
            for name, count in sorted(state["requests"].items()):
                table.add_row(f"{api} {name}", str(count))
        self.out.print(table)

    def _stories(self, sales: Mapping[str, Any], expected: Sequence[Expectation]) -> None:
        events = {str(event["externalId"]): event for event in sales["events"]}
        unchanged = [one for one in expected if one.purchase and one.order_id not in self.changed]
        plain = next((one for one in unchanged if one.order["order_source"] == "shop"), None)
        allegro = next((one for one in unchanged if one.order["order_source"] == "allegro"), None)
        skipped = next((one for one in expected if one.email is None), None)
        for one, what in ((plain, "a plain order"), (allegro, "an Allegro order, its buyer found by phone")):
            event = events.get(str(one.order_id)) if one else None
            if one is None or event is None:
                continue
            self.out.print(
                f"Order {one.order_id}, {what}: contact {event['contactId'][:8]}… got PURCHASE {event['eventId'][:8]}…"
                f" of {event['value']} {one.order['currency']}, tags {', '.join(sorted(one.tags))}"
            )
        for one in expected:
            if one.order_id in self.changed and (event := events.get(str(one.order_id))) is not None:
                self.out.print(
                    f"Order {one.order_id}, changed after it was sent: PURCHASE {event['eventId'][:8]}… was updated,"
                    f" now {event['value']} {one.order['currency']}"
                )
        if skipped is not None:
            self.out.print(f"Order {skipped.order_id}, skipped: {skipped.reason}")

    def _show_logs(self) -> None:
        self.out.print(f"Logs: {self.folder}")
        for path in sorted(self.folder.glob("*.log")):
            lines = [line for line in path.read_text(errors="replace").splitlines() if '"order done"' not in line]
            self.out.print(f"--- {path.name}", *lines[-5:], sep="\n")


def _outcomes(expected: Sequence[Expectation]) -> Counter[str]:
    return Counter(
        "sent: contact and purchase" if one.purchase else "sent: contact" if one.email else f"skipped: {one.reason}"
        for one in expected
    )


def _result(
    base: Mapping[str, Any], sales: Mapping[str, Any], expected: Sequence[Expectation], wrong: Sequence[str]
) -> dict[str, Any]:
    return {
        "fine": not wrong,
        "outcomes": _outcomes(expected),
        "contacts": len(sales["contacts"]),
        "purchases": len(sales["events"]),
        "requests": {"BaseLinker": base["requests"], "SALESmanago": sales["requests"]},
        "wrong": list(wrong),
    }


def run_demo(
    orders: int = 300, seed: int = 1, kill: bool = False, as_json: bool = False, stays_open: bool = False
) -> int:
    """Run the demo and return its exit code; as JSON only the result goes to stdout.

    `stays_open` = with the console, until Ctrl-C.
    """
    return Demo(orders, seed, kill, Console(stderr=as_json), as_json, stays_open).run()
