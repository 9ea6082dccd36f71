"""`replay`: a preview changes nothing, and doing it creates no purchase twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from operations import replay
from operations.kafka_reads import KafkaReads
from operations.output import Refused
from operations.replay import mark, move_offsets, plan_replay
from runtime.settings import load_settings
from schemas.progress import Gap, Progress
from schemas.topics import Topics
from tests.harness.commands import bl2sm, catch_up
from tests.harness.judge import wrong
from tests.harness.programs import Programs
from tests.harness.stand_ins import purchases
from tests.harness.topics import committed_offsets, read_whole
from tests.harness.waiting import wait_until
from tests.operations.shop import deployment, journal, kinds

GAP = Gap("0@1", 5)


@pytest.fixture(scope="module")
def shop(kafka: str) -> Iterator[dict[str, str]]:
    """A deployment whose orders all have their outcome; a test leaves it so."""
    with deployment(kafka, "--orders", "15") as environment:
        catch_up(environment)
        yield environment


def test_a_replay_under_way_continues_to_its_own_end() -> None:
    assert mark(Progress("T", replay_until=90, dead_streak=3, at=7, gap=GAP), "T", 40) == Progress("T", 90, 0, 7, GAP)
    assert mark(None, "T", 40) == Progress("T", 40)


def test_a_replays_end_in_a_topic_that_was_recreated_is_none_here() -> None:
    assert mark(Progress("before", replay_until=9000, gap=GAP), "T", 40) == Progress("T", 40, gap=GAP)


def test_replays_are_previewed_refused_beside_members_and_update_what_is_there(
    shop: dict[str, str], kafka: str, tmp_path: Path
) -> None:
    prefix = shop["TOPIC_PREFIX"]
    before, count, updated = committed_offsets(kafka, prefix), len(journal(shop)), len(kinds(shop, "update"))
    previewed = bl2sm(shop, "replay", "--from-offset", "0", "--json")
    assert previewed.code == 0
    assert previewed.data["executed"] is False
    assert previewed.data["entries"] == count
    assert previewed.data["orders"] == len({entry.order_id for entry in journal(shop)})
    order, created = next(iter(purchases(shop))), purchases(shop)
    previewed = bl2sm(shop, "replay", "--order", order, "--json")
    assert (previewed.data["executed"], previewed.data["requests"]) == (False, 1)
    assert (committed_offsets(kafka, prefix), len(journal(shop))) == (before, count)

    with Programs(shop, tmp_path) as programs:
        live = programs.start("processor")
        wait_until(lambda: bl2sm(shop, "status", "--json").data["processors"], 60, "a member")
        refused = bl2sm(shop, "replay", "--from-offset", "0", "--execute")
        assert refused.code == 1
        assert "stop them" in refused.err
        assert committed_offsets(kafka, prefix) == before
        assert bl2sm(shop, "replay", "--order", order, "--execute").code == 0
        wait_until(lambda: kinds(shop, "update")[updated:], 60, "the update")
        assert [str(write["external_id"]) for write in kinds(shop, "update")[updated:]] == [order]
        live.terminate()
        assert live.wait(60) == 0

    assert bl2sm(shop, "replay", "--from-offset", "0", "--execute", "--json").data["executed"] is True
    status = bl2sm(shop, "status", "--json").data
    assert status["replaying"] > 0
    assert status["oldest_unfinished_order"] is None, "what is replayed had its outcome before"
    rest = bl2sm(shop, "replay", "--stop", "--json").data
    assert (rest["executed"], rest["entries"]) == (False, status["replaying"])
    moved = committed_offsets(kafka, prefix)
    assert bl2sm(shop, "replay", "--stop", "--execute", "--json").data == {**rest, "executed": True}
    assert bl2sm(shop, "status", "--json").data["replaying"] == 0
    assert committed_offsets(kafka, prefix) == moved
    assert "no replay is under way" in bl2sm(shop, "replay", "--stop").err
    stopped = len(kinds(shop, "update"))
    catch_up(shop, "processor")
    left = {str(write["external_id"]) for write in kinds(shop, "update")[stopped:]}
    assert left <= {order}, "what was sent before stays as it is, but for entries of `replay --order`"
    again = bl2sm(shop, "replay", "--from-offset", rest["from_offset"], "--execute", "--json").data
    assert again["entries"] == rest["entries"]
    catch_up(shop, "processor")
    assert bl2sm(shop, "status", "--json").data["replaying"] == 0
    assert wrong(shop) == []
    assert purchases(shop) == created
    assert set(created.values()) == {1}
    assert {str(write["external_id"]) for write in kinds(shop, "update")[updated + 1 :]} == set(created)


def test_a_plan_made_before_the_group_was_rewound_leaves_nothing_out(shop: dict[str, str], kafka: str) -> None:
    with KafkaReads(load_settings(shop, None, need="kafka")) as reads:
        plan = plan_replay(reads, "2", None)
        assert bl2sm(shop, "replay", "--from-offset", "0", "--execute").code == 0
        with pytest.raises(Refused, match="moved back meanwhile"):
            move_offsets(reads, plan)
        assert set(committed_offsets(kafka, shop["TOPIC_PREFIX"]).values()) == {0}
        move_offsets(reads, plan_replay(reads, "0", None))
    catch_up(shop, "processor")


def test_ctrl_c_while_the_group_is_rewound_says_how_to_continue(
    shop: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(replay, "move_offsets", interrupted)
        ran = bl2sm(shop, "replay", "--from-offset", "0", "--execute")
    assert ran.code == 130
    assert ran.err.splitlines()[-2:] == [replay.MOVE_AGAIN, "stopped"]


def test_an_unreachable_registry_is_a_sentence_that_says_how_to_continue(shop: dict[str, str]) -> None:
    order, before = next(iter(purchases(shop))), len(journal(shop))
    ran = bl2sm(shop, "replay", "--order", order, "--execute", SCHEMA_REGISTRY_URL="http://127.0.0.1:1")
    assert ran.code == 1
    assert replay.AGAIN in ran.err
    assert "check SCHEMA_REGISTRY_URL" in ran.err
    assert len(journal(shop)) == before


def test_a_time_before_the_topic_begins_is_taken_from_its_beginning_and_noted(kafka: str) -> None:
    with deployment(kafka, "--orders", "15") as shop:
        catch_up(shop, "producer")
        topic = Topics(shop["TOPIC_PREFIX"]).journal
        here = next(message for message in read_whole(kafka, topic) if message.offset() == 1)
        gone = TopicPartition(topic, here.partition() or 0, 1)
        admin = AdminClient({"bootstrap.servers": kafka})
        admin.delete_records([gone])[gone].result(30)
        ran = bl2sm(shop, "replay", "--from-time", "2010-01-01", "--json")
    assert ran.code == 0, ran.err
    assert f"partition {here.partition()} begins at 1" in " ".join(ran.data["notes"])
    assert next(one["start"] for one in ran.data["parts"] if one["partition"] == here.partition()) == 1
