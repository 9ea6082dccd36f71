"""Which page an address belongs to."""

import pytest

from console.paths import page_of


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/orders/5", "/orders/5"),
        ("/running/a-b_c", "/running/a-b_c"),
        ("/running/a-b_c/stop", "/running/a-b_c"),
        ("/failed/retry", "/failed"),
        ("/again/replay/stop/preview", "/again"),
        ("/settings/preview", "/settings"),
        ("/settings/credentials/save", "/settings/credentials"),
        ("/pause/preview", "/"),
        ("/logout", "/"),
        ("/running//evil.example", "/"),
        ("//evil.example", "/"),
    ],
)
def test_every_address_belongs_to_a_page(path: str, page: str) -> None:
    assert page_of(path) == page
