"""What the committed offset's metadata hold."""

from schemas.progress import Progress, read_progress


def test_offset_metadata_of_another_tool_is_seen_as_such() -> None:
    assert read_progress(Progress("T", 40, 2).encode()) == Progress("T", 40, 2)
    assert all(read_progress(text) is None for text in (None, "", "reset", "[]", '{"a": 1}'))
