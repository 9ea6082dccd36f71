"""`bl2sm replay`: moves the group's offsets back, so that entries are applied again under today's rules."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.kafka import admin_config, consumer_config
from runtime.offsets import group_offsets
from runtime.settings import Settings, SettingsError, load_settings
from schemas.progress import Progress, read_progress
from schemas.topics import Topics, topic_id

SECONDS = 10.0


class Refused(Exception):
    """It can't be done; the sentence says why and what to do."""


def replay(
    from_offset: Annotated[str | None, typer.Option(help="N for every partition, or P:N,P:N… for some.")] = None,
    from_time: Annotated[str | None, typer.Option(help="ISO time, e.g. 2026-11-20T00:00 (UTC if no zone).")] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Do it; without this only tell what would happen.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Apply old entries again: contacts are upserted, existing purchases updated, never created twice.

    Stop the processors first. Example: bl2sm replay --from-time 2026-11-20T00:00 --execute
    """
    if (from_offset is None) == (from_time is None):
        typer.echo("give one of --from-offset and --from-time", err=True)
        raise typer.Exit(2)
    try:
        settings = load_settings(need="kafka")
        plan = _plan(settings, from_offset, from_time)
        if execute:
            _execute(settings, plan)
    except (SettingsError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except (Refused, KafkaException) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    entries = sum(end - start for _, start, end in plan)
    if as_json:
        parts = [{"partition": number, "from": start, "until": end} for number, start, end in plan]
        typer.echo(json.dumps({"entries": entries, "partitions": parts, "executed": execute}))
        return
    for number, start, end in plan:
        typer.echo(f"partition {number}\tfrom {start}\tuntil {end}")
    typer.echo(f"{'moved' if execute else 'would move'}: about {entries} entries are applied again")
    if not execute:
        typer.echo(
            "Updating an event, and creating one that is missing, fires the shop's automations (mails)."
            " Stop the processors and add --execute to do it."
        )


def _plan(settings: Settings, from_offset: str | None, from_time: str | None) -> list[tuple[int, int, int]]:
    """Return partition, start and end (the end of the log now) of what is moved."""
    topic = Topics(settings.topic_prefix).journal
    consumer = Consumer(consumer_config(settings, f"{settings.group_id}-preview"))
    try:
        known = consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions
        if not known:
            raise Refused(f"there is no topic {topic}: check TOPIC_PREFIX and KAFKA_BOOTSTRAP_SERVERS")
        ends = {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=SECONDS) for number in known
        }
        if from_time is not None:
            at = datetime.fromisoformat(from_time)
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            if at > datetime.now(UTC):
                raise ValueError("--from-time lies in the future: nothing would be applied again")
            asked = [TopicPartition(topic, number, round(at.timestamp() * 1000)) for number in known]
            found = consumer.offsets_for_times(asked, timeout=SECONDS)
            starts = {part.partition: part.offset if part.offset >= 0 else ends[part.partition][1] for part in found}
        else:
            starts = _offsets(from_offset or "", sorted(known))
    finally:
        consumer.close()
    plan = []
    asked = [TopicPartition(topic, number) for number in sorted(starts)]
    committed = {part.partition: part.offset for part in group_offsets(settings, settings.group_id, asked, SECONDS)}
    for number, start in sorted(starts.items()):
        low, high = ends[number]
        if start > high:
            raise ValueError(f"partition {number} ends at {high}: there is no offset {start}")
        # never forward: what the group has not done yet is still to be done
        plan.append((number, max(low, min(start, committed[number])), high))
    return plan


def _offsets(text: str, known: list[int]) -> dict[int, int]:
    if re.fullmatch(r"\d+", text):
        return dict.fromkeys(known, int(text))
    found = {}
    for part in text.split(","):
        match = re.fullmatch(r"(\d+):(\d+)", part.strip())
        if match is None or int(match[1]) not in known:
            raise ValueError(f"--from-offset takes N or P:N,P:N… with partitions {known[0]} to {known[-1]}")
        found[int(match[1])] = int(match[2])
    return found


def _execute(settings: Settings, plan: list[tuple[int, int, int]]) -> None:
    admin = AdminClient(admin_config(settings))
    group, topic = settings.group_id, Topics(settings.topic_prefix).journal
    described = admin.describe_consumer_groups([group], request_timeout=SECONDS)[group].result()
    if described.members:
        raise Refused(
            f"{len(described.members)} processors of {group} are running: stop them, run this again, start them"
        )
    identity = topic_id(admin, topic)
    asked = [TopicPartition(topic, number) for number, _, _ in plan]
    now = group_offsets(settings, group, asked, SECONDS)
    before = {part.partition: read_progress(part.metadata) for part in now}
    moved = []
    for number, start, end in plan:
        old = before.get(number) or Progress(identity)
        mark = replace(old, topic_id=identity, replay_until=max(end, old.replay_until), dead_streak=0)
        moved.append(TopicPartition(topic, number, start, mark.encode()))
    admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, moved)], request_timeout=SECONDS)[
        group
    ].result()
