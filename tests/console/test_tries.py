"""How often a password may be tried."""

from console.tries import MOST_ALL, MOST_EACH, WINDOW_SECONDS, Tries


def test_wrong_passwords_lock_an_address_and_a_crowd_for_five_minutes() -> None:
    tries = Tries()
    for second in range(MOST_EACH):
        assert tries.judge("a", second, right=False) == 0
    assert tries.judge("a", 10, right=True) == WINDOW_SECONDS - 10
    assert tries.judge("b", 10, right=True) == 0
    assert tries.judge("a", WINDOW_SECONDS, right=True) == 0
    for number in range(MOST_ALL):
        tries.judge(f"c{number}", 20, right=False)
    assert tries.judge("new", 21, right=True) > 0
