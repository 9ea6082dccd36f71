"""Every page and action of the console on one screen."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from console import acts, again, choices, credentials, failed, live, login, orders, overview, pause, working
from console.guard import Guard, names_of
from console.paths import page_of
from console.program import Program
from console.visit import View, Visit, endpoint

STATIC = Path(__file__).parent / "static"


class OrderId(IntegerConvertor):
    """An order's id in an address; what is longer is no page."""

    regex = "[1-9][0-9]{0,17}"


register_url_convertor("order_id", OrderId())


def _told(view: View) -> View:
    def answer(visit: Visit) -> Response:
        response = view(visit)
        acts.tell(visit, response.status_code)
        return response

    return answer


def make_app(program: Program) -> Starlette:
    """Return the application."""

    def get(path: str, view: View, open_to_all: bool = False) -> Route:
        return Route(path, endpoint(program, view, open_to_all), methods=["GET"])

    def post(path: str, view: View, open_to_all: bool = False) -> Route:
        return Route(path, endpoint(program, _told(view), open_to_all), methods=["POST"])

    routes: list[BaseRoute] = [
        get("/login", login.form, open_to_all=True),
        post("/login", login.log_in, open_to_all=True),
        post("/logout", login.log_out),
        post("/language", login.language, open_to_all=True),
        get("/", overview.page),
        Route("/live", live.stream(program), methods=["GET"]),
        get("/orders", orders.page),
        post("/orders", orders.search),
        get("/orders/{order:order_id}", orders.story),
        get("/orders/{order:order_id}/now", orders.now),
        get("/failed", failed.page),
        post("/failed/preview", failed.preview),
        post("/failed/retry", failed.retry),
        post("/failed/drop", failed.drop),
        get("/again", again.page),
        post("/again/replay/preview", again.preview_replay),
        post("/again/replay", again.replay),
        post("/again/replay/stop/preview", again.preview_stop),
        post("/again/replay/stop", again.stop),
        post("/again/orders/preview", again.preview_orders),
        post("/again/orders", again.replay_orders),
        post("/again/backfill/preview", again.preview_backfill),
        post("/again/backfill", again.backfill),
        get("/settings", choices.page),
        get("/settings/sources", choices.sources),
        post("/settings/preview", choices.preview),
        post("/settings", choices.save),
        get("/settings/credentials", credentials.page),
        post("/settings/credentials", credentials.attempt),
        post("/settings/credentials/save", credentials.save),
        post("/pause/preview", pause.preview),
        post("/pause", pause.switch),
        get("/running/{work}", working.page),
        post("/running/{work}/stop", working.stop),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    missing = endpoint(program, lambda visit: visit.page("missing.html", 404, title="missing"), open_to_all=True)

    async def not_found(request: Request, _: Exception) -> object:
        return await missing(request)

    async def other_method(request: Request, _: Exception) -> object:
        """An action's address that is opened again: its tab was restored, or the page was reloaded by its address."""
        if request.method == "GET":
            return RedirectResponse(page_of(request.url.path), 303)
        return await missing(request)

    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, names=names_of(program.settings))],
        exception_handlers={404: not_found, 405: other_method},  # type: ignore[dict-item]
    )
