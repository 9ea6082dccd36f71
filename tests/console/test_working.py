"""The page of work under way."""

from starlette.testclient import TestClient

from tests.console.clients import ended, token


def test_a_running_page_asks_for_what_changes_until_its_state_does(client: TestClient) -> None:
    form = {"from_offset": "0", "csrf": token(client, "/again")}
    work = client.post("/again/replay/preview", data=form).headers["location"]
    page = ended(client, work)
    assert "entries of" in page and "requests to BaseLinker" in page
    partly = client.get(work, params={"shown": "done"}, headers={"HX-Request": "true"})
    assert partly.text.strip().startswith('<div id="changing">') and "HX-Retarget" not in partly.headers
    whole = client.get(work, params={"shown": "running"}, headers={"HX-Request": "true"})
    assert (whole.headers["HX-Retarget"], whole.headers["HX-Reswap"]) == ("#work", "outerHTML")
    gone = client.get("/running/gone", params={"shown": "running"}, headers={"HX-Request": "true"})
    assert gone.headers["HX-Retarget"] == "#work"
