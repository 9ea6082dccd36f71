"""`make breaks` breaks the code by its text: where the code moves on, its breaks move with it."""

from pathlib import Path

import pytest

from tests.faults.breakage import BREAKS, Break


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.name)
def test_a_deliberate_break_fits_the_code(one: Break) -> None:
    for path, old, new in one.edits:
        assert Path(path).read_text().count(old) == 1, f"{path}: renew this break\n{old}"
        assert new != old
    for test in one.caught_by:
        file, _, name = test.partition("[")[0].partition("::")
        assert f"def {name}(" in Path(file).read_text()
