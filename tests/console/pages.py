"""The console's addresses, for tests that go through all of them."""

PAGES = ("/", "/orders", "/failed", "/again", "/settings", "/settings/credentials", "/login", "/nowhere")
ACTIONS = (
    "/failed/preview", "/failed/retry", "/failed/drop", "/again/replay/preview", "/again/replay",
    "/again/replay/stop/preview", "/again/replay/stop",
    "/again/orders/preview", "/again/orders", "/again/backfill/preview", "/again/backfill", "/settings/preview",
    "/pause/preview", "/pause", "/logout", "/language", "/running/x/stop",
)  # fmt: skip
