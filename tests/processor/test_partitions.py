"""What each stage is asked, in order, when partitions come and go."""

from tests.processor.fake_stages import AGAIN, ENDED, JOB, JOIN_SECONDS, LOST, RECORDED, REVOKED, ROW, Place, ready


def test_assigned_partitions_are_restored_and_worked_on_once_they_are_ready() -> None:
    place = Place()
    place.partitions.assigned({0, 1})
    assert place.asked == [("restore.begin", [0, 1])]
    assert place.partitions.restoring
    place.asked.clear()
    place.restore.out.append(ready(1))
    place.turn()
    opened = ["source.open", "coalesce.assign", "enrich.assign", "record.assign", "commit.assign"]
    assert place.asked == [(name, 1) for name in opened]
    assert place.partitions.restoring


def test_a_partition_that_the_consumer_does_not_fetch_yet_is_restored_again() -> None:
    place = Place()
    place.source.opens = False
    place.restore.out.append(ready(1))
    place.turn()
    assert place.asked == [("source.open", 1), ("restore.begin", [1])]


def test_revoked_partitions_are_dropped_from_the_source_down_waited_for_and_committed() -> None:
    place = Place()
    place.owns(0, 1)
    place.deliver.busy_for, place.deliver.joined = 2, [ENDED]
    place.record.out.append(RECORDED)
    place.commit.flushes = 2
    place.partitions.revoked({0, 1})
    assert place.asked == [
        *REVOKED,
        ("deliver.join",),
        ("deliver.join",),
        ("record.submit", ENDED),
        ("deliver.revoke", [0, 1]),
        ("commit.submit", RECORDED),
        ("coalesce.finished", JOB, ROW, b"row", 5.0),
        ("commit.flush",),
        ("commit.flush",),
        *LOST,
    ]


def test_calls_and_a_commit_that_do_not_end_are_waited_for_no_longer_than_agreed() -> None:
    place = Place()
    place.owns(0, 1)
    place.deliver.busy_for = place.commit.flushes = 10**6
    place.partitions.revoked({0, 1})
    assert place.names().count("deliver.join") == place.names().count("commit.flush") == int(JOIN_SECONDS)
    assert place.asked[-len(LOST) :] == LOST


def test_the_lease_is_kept_while_calls_are_waited_for() -> None:
    place = Place()
    place.deliver.busy_for = 5
    before = place.now
    place.partitions.revoked({0, 1})
    assert place.now - before >= 5


def test_lost_partitions_are_dropped_without_waiting_or_committing() -> None:
    place = Place()
    place.owns(0, 1)
    place.deliver.busy_for = place.commit.flushes = 3
    place.partitions.lost({0, 1})
    assert place.asked == LOST
    assert place.commit.partitions == set()


def test_all_work_is_given_up_for_a_moment_without_leaving_the_group() -> None:
    """The partitions stay this member's: their entries come again from the committed offsets."""
    place = Place()
    place.owns(0)
    place.partitions.assigned({1})
    place.asked.clear()
    place.partitions.restart()
    assert place.asked == [("source.pause", [0, 1]), *AGAIN, ("restore.begin", [0, 1])]


def test_leaving_ends_what_asks_the_consumer_and_closing_waits_for_calls_before_files_go() -> None:
    place = Place()
    place.partitions.leave()
    assert place.names() == ["restore.close", "source.close"]
    place.asked.clear()
    place.stages.close()
    assert place.names() == ["deliver.close", "enrich.close", "commit.close", "coalesce.close"]
