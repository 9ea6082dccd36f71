"""Processors of another group on the same journal: side by side they would send orders twice, and ask BaseLinker twice.

One journal has one group. `GROUP_ID` may be another one tomorrow, once nobody of the old one is left.
"""

import struct
from collections.abc import Iterator

from confluent_kafka.admin import AdminClient

from runtime.group_members import GroupMembers
from runtime.kafka import is_member
from runtime.settings import Settings

SECONDS = 10.0
MOST_ASKED = 20
UNKNOWN_HERE = "Dead"  # what the old request is told of groups under KIP-848


def rivals(admin: AdminClient, settings: Settings, topic: str) -> list[str]:
    """Return the other groups in which programs of ours have partitions of a topic; KafkaException.

    Others' consumers of the topic do no harm. Groups under KIP-848 are asked for by another request, and only those
    whose names begin with TOPIC_PREFIX.
    """
    own = {settings.group_id, f"{settings.topic_prefix}-producer", f"{settings.topic_prefix}-tools"}
    others = [(str(group.id), group) for group in admin.list_groups(timeout=SECONDS) if group.id not in own]
    found = [
        name
        for name, group in others
        if any(is_member(one.client_id or "") and topic in topics_of(one.assignment or b"") for one in group.members)
    ]
    unknown = [name for name, group in others if group.state == UNKNOWN_HERE]
    named = [name for name in unknown if name.startswith(settings.topic_prefix)][:MOST_ASKED]
    if named:
        members = GroupMembers(settings)
        try:
            found += [
                name
                for name in named
                if any(one.partitions and is_member(one.client_id) for one in members.ask(name, SECONDS, topic))
            ]
        finally:
            members.close()
    return sorted(found)


def topics_of(assignment: bytes) -> set[str]:
    """Return the topics of a member's assignment as the group's protocol writes it; none where it is another's."""
    try:
        return set(_topics(assignment))
    except (struct.error, UnicodeDecodeError):
        return set()


def _topics(assignment: bytes) -> Iterator[str]:
    _, count = struct.unpack_from(">hi", assignment)
    at = 6
    for _ in range(count):
        (length,) = struct.unpack_from(">h", assignment, at)
        at += 2
        name = assignment[at : at + length].decode()
        at += length
        (partitions,) = struct.unpack_from(">i", assignment, at)
        at += 4 + 4 * partitions
        if partitions:
            yield name
