"""`.env` keeps what it has but for the values that are set, whatever their old ones looked like."""

from pathlib import Path

import pytest

from operations import env_file
from operations.output import Refused

ABOVE = "# ours\n\nCONTACT_TAG=Klient # everybody\n  # indented\n\nNO_VALUE\n'QUOTED'=1\n\n\nMORE=\"two\nlines\"\n\n"
BELOW = "\n\n# the end\nexport LAST='\n1'\n\n"


@pytest.mark.parametrize(
    "old",
    [
        "TOKEN=old",
        "TOKEN='never closed",
        "TOKEN='one\ntwo\nthree'",
        'TOKEN="one\ntwo=2\n# three"  # a comment of its own',
        "export TOKEN='one\ntwo'",
        "  token =  old",
        "TOKEN=old\nTOKEN='one\ntwo'\nexport TOKEN=three",
    ],
)
def test_a_value_that_is_set_takes_the_place_of_the_whole_old_one_and_the_rest_stays(old: str) -> None:
    below = "" if "never closed" in old else BELOW  # that quote would end in it
    assert env_file.merged(f"{ABOVE}{old}\n{below}", {"TOKEN": "new"}) == f"{ABOVE}TOKEN=new\n{below}"


@pytest.mark.parametrize(("old", "new"), [("", ""), ("A=1", "A=1\n"), ("A=1\n\n", "A=1\n\n"), ("# end", "# end\n")])
def test_a_value_that_is_new_stands_at_the_end(old: str, new: str) -> None:
    assert (
        env_file.merged(old, {"TOKEN": "it's", "OWNER": "a@b.example"}) == f"{new}TOKEN='it\\'s'\nOWNER=a@b.example\n"
    )


def test_a_quote_that_is_not_closed_would_swallow_what_is_written_so_nothing_is(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\n\nCONTACT_TAG='Klient\nB=2\n")
    with pytest.raises(Refused, match="not closed in line 3"):
        env_file.write(file, {"TOKEN": "with space"})
    assert file.read_text() == "A=1\n\nCONTACT_TAG='Klient\nB=2\n"
    assert list(tmp_path.iterdir()) == [file]
