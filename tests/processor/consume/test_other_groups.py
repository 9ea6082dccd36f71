"""What another group's members work on, read from their assignments."""

from processor.consume.other_groups import topics_of


def test_an_assignment_that_cannot_be_read_names_no_topic() -> None:
    whole = b"\0\0\0\0\0\2\0\1a\0\0\0\1\0\0\0\5\0\1b\0\0\0\0\0\0\0\0"
    assert topics_of(whole) == {"a"}
    assert [topics_of(whole[:size]) for size in range(13)] == [set()] * 13
    assert topics_of(b"something else") == set()
