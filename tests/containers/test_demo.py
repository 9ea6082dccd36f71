"""`docker compose --profile demo up` on a clean clone, without any account."""

from pathlib import Path

from tests.containers.compose import Compose, clean_copy
from tests.programs import wait_until

VERIFY = (
    "python -m sandbox.verify --baselinker-url http://127.0.0.1:7001/connector.php"
    " --salesmanago-url http://127.0.0.1:7002/api --tag-order-source both --contact-tag"
)


def test_a_newcomer_sees_orders_arrive(image: str, registry_image: None, project: str, tmp_path: Path) -> None:
    demo = Compose(clean_copy(tmp_path / "clone"), project, ["--profile", "demo"])
    assert not (demo.folder / ".env").exists()
    try:
        demo("up", "--detach", "--wait", "--no-build")
        services = ["kafka", "schema-registry", "producer", "processor", "sandbox"]
        assert demo.states() == {f"{service}-1": "healthy" for service in services}

        def verified() -> bool:
            verify = ["exec", "-T", "sandbox", *VERIFY.split(), "Sklep Łódź"]
            return demo.try_(*verify).stdout.strip() == "all orders are as they should be"

        wait_until(verified, 120, "every order in the sandbox's SALESmanago")
        assert "contacts and" in demo("logs", "sandbox")
        assert "DEMO: the settings name no account" in demo("logs", "processor")
        assert "delivered: created" in demo("run", "--rm", "-T", "bl2sm", "status")
        demo("rm", "--stop", "--force", "sandbox")
        told = demo.try_("run", "--rm", "-T", "--no-deps", "processor")
        assert told.returncode == 2, "without a sandbox nothing stands in for an account"
        assert "BASELINKER_TOKEN: is missing" in told.stderr + told.stdout
    finally:
        demo.down()
