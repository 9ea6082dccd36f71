"""Order ids as people type them."""

import pytest

from console.ids import read_id, read_ids


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("747000046 747000047", [747000046, 747000047]),
        ("747000046,747000047;747000046\n5", [747000046, 747000047, 5]),
        ("#747 000 046", [747000046]),
        ("747 000 046, 747\u00a0000\u00a0047", [747000046, 747000047]),
        ("1 747 000 046", [1747000046]),
        ("#747 123 456", [747123456]),
        ("747 123 456", [747, 123, 456]),  # three ids as well
        ("#5, 6", [5, 6]),
        ("747\t000", [747, "000"]),
        ("747 000 046 747 000 047", [747, "000", "046", "047"]),
        ("747000046 000", [747000046, "000"]),
        ("5, six", [5, "six"]),
        ("0", ["0"]),
        (" , ", []),
        ("9" * 19, ["9" * 19]),
    ],
)
def test_ids_are_read_as_people_type_them(text: str, found: list[int | str]) -> None:
    assert read_ids(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [("#747 000 046", 747000046), ("747 123 456", 747123456), ("747000046 747000047", None), ("0", None), ("", None)],
)
def test_one_id_is_one_id(text: str, found: int | None) -> None:
    assert read_id(text) == found
