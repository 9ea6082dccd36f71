"""The extra `sandbox`: packages that only the stand-ins, the demo and a local Kafka need."""

from importlib.util import find_spec

from operations.output import Refused

PACKAGES = ("aiohttp", "jgo", "testcontainers")


def require_sandbox() -> None:
    """Raise Refused unless the extra's packages are installed."""
    if absent := [name for name in PACKAGES if find_spec(name) is None]:
        raise Refused(
            f"this needs packages that are not installed here ({', '.join(absent)}):"
            " pip install 'baselinker-salesmanago[sandbox]'"
        )
