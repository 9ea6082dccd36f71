"""When a transaction is begun."""

import pytest

from processor.commit.policy import COMMIT_SECONDS, FULL_ROWS, INTENT_SECONDS, RETRY_SECONDS, CommitPolicy


@pytest.mark.parametrize(
    ("waited", "rows", "intents", "due"),
    [
        (COMMIT_SECONDS, 1, 0, True),
        (COMMIT_SECONDS - 0.1, 1, 0, False),
        (COMMIT_SECONDS, 0, 0, True),  # entries that were passed over move the offset alone
        (INTENT_SECONDS, 1, 1, True),
        (INTENT_SECONDS - 0.01, 1, 1, False),
        (0.0, FULL_ROWS, 0, True),
        (0.0, FULL_ROWS - 1, 0, False),
    ],
)
def test_one_is_begun_once_a_second_and_sooner_for_intents_and_where_it_is_full(
    waited: float, rows: int, intents: int, due: bool
) -> None:
    policy = CommitPolicy()
    policy.began(0.0)
    assert policy.due(waited, rows, intents) is due


def test_the_first_one_waits_for_nothing() -> None:
    assert CommitPolicy().due(0.0, 1, 0)


@pytest.mark.parametrize(("rows", "intents"), [(1, 0), (1, 1), (FULL_ROWS, 0)])
def test_after_a_rejection_none_is_begun_for_a_moment(rows: int, intents: int) -> None:
    policy = CommitPolicy()
    policy.began(90.0)
    policy.refused(100.0)
    assert not policy.due(100.0 + RETRY_SECONDS - 0.1, rows, intents)
    assert policy.due(100.0 + RETRY_SECONDS, rows, intents)
