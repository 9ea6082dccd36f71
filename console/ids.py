"""Order ids as people type them: with a `#` before, in groups of three digits, several in one field."""

import re

ONE = re.compile(r"#?([1-9][0-9]{0,17})")
BLANK = "[ \u00a0\u202f]"
GROUPED = re.compile(  # as many digits as an id has: at most ten
    rf"#?(?:[1-9][0-9]{{0,2}}(?:{BLANK}[0-9]{{3}}){{1,2}}|[1-9](?:{BLANK}[0-9]{{3}}){{3}})"
)


def read_id(text: str) -> int | None:
    """Return the one id that a text is, None where it is none."""
    text = text.strip()
    match = ONE.fullmatch(_whole(text) if GROUPED.fullmatch(text) else text)
    return int(match[1]) if match is not None else None


def read_ids(text: str) -> list[int | str]:
    """Return each id once, as a number; what is none as it was typed.

    Blanks within an id are accepted where its parts can't be ids of their own: after a `#`, or where a part begins
    with 0.
    """
    found: list[int | str] = []
    for piece in (part.strip() for part in re.split(r"[,;\n]+", text)):
        for part in [_whole(piece)] if _is_one(piece) else piece.split():
            number = read_id(part)
            found.append(part if number is None else number)
    return list(dict.fromkeys(found))


def _is_one(piece: str) -> bool:
    return GROUPED.fullmatch(piece) is not None and ("#" in piece or any(part[0] == "0" for part in piece.split()))


def _whole(text: str) -> str:
    return re.sub(r"\s", "", text)
