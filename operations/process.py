"""`bl2sm process`: runs a processor, or tells what one would do."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from operations.apis import open_apis, tell_pace
from operations.cost import requests_for
from operations.dry_run import Decision, count_orders, dry_run
from operations.kafka_reads import KafkaReads
from operations.output import WrongUsage, command, line, note, print_json, progress
from operations.times import read_time
from processor.main import main
from runtime.settings import load_settings

LIMIT = 500


@command
def process(
    until_caught_up: Annotated[bool, typer.Option(help="End when nothing is left (for cron).")] = False,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing anywhere: print what would be decided, and end.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="With --dry-run: entries published since then (time, or age); 1d if not given.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="With --dry-run: the newest so many orders; 500 if not given.")
    ] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="With --dry-run --json: show personal data.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: a line of JSON for each order.")] = False,
) -> None:
    """Carry journal entries to SALESmanago.

    With --dry-run, a value given in the environment is tried even where another was saved (`bl2sm settings`); where
    none is given, the saved one is used. Example: SKIP_SHOP_ORDERS=true bl2sm process --dry-run --since 1d
    """
    if dry and until_caught_up:
        raise WrongUsage("give --dry-run or --until-caught-up, not both")
    if not dry:
        if since or limit or reveal or as_json:
            raise WrongUsage("--since, --limit, --reveal and --json are for --dry-run: add it")
        raise typer.Exit(main(["--until-caught-up"] if until_caught_up else []))
    if reveal and not as_json:
        raise WrongUsage("--reveal shows personal data of the payloads, and only --json prints these: add it")
    settings = load_settings(need="processor")
    begin = read_time(since or "1d", "--since", datetime.now(UTC))
    sent = skipped = 0
    with KafkaReads(settings) as reads, open_apis(settings) as apis:
        count = min(limit or LIMIT, count_orders(reads, begin))
        tell_pace(settings, requests_for(count))
        with progress("orders judged", count) as done:
            for found in dry_run(reads, apis.base, begin, limit or LIMIT, reveal):
                if not as_json and not sent + skipped:
                    line("order\tdecision\treason\ttype\tsource\ttags\tvalue")
                sent += found.decision == "send"
                skipped += found.decision != "send"
                if as_json:
                    print_json(found)
                else:
                    _print(found)
                done(sent + skipped)
    note(f"{sent} would be sent, {skipped} skipped; nothing was written")


def _print(found: Decision) -> None:
    line(
        f"{found.order_id}\t{found.decision}\t{found.reason or '-'}\t{'purchase' if found.purchase else 'contact'}"
        f"\t{found.source}\t{', '.join(found.tags) or '-'}\t{found.value or '-'}"
    )
