"""The gauge of the last purchases' currencies: exact, and with few labels whatever orders say."""

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.samples import Sample

from runtime.last_currencies import LastCurrencies


def counted(gauge: Gauge) -> dict[tuple[str, str], float]:
    samples: list[Sample] = [sample for metric in gauge.collect() for sample in metric.samples]
    return {(one.labels["currency"], one.labels["treatment"]): one.value for one in samples}


def test_only_the_last_ones_count_and_what_is_gone_has_no_series() -> None:
    gauge = Gauge("last", "help", ["currency", "treatment"], registry=CollectorRegistry())
    last = LastCurrencies(gauge, 3)
    for currency, treatment in (("EUR", "unconverted"), ("PLN", "own"), ("PLN", "own"), ("EUR", "converted")):
        last.note(currency, treatment)
    assert counted(gauge) == {("PLN", "own"): 2, ("EUR", "converted"): 1}


def test_what_is_no_currency_makes_no_series_of_its_own() -> None:
    gauge = Gauge("last", "help", ["currency", "treatment"], registry=CollectorRegistry())
    last = LastCurrencies(gauge)
    for number in range(50):
        last.note(f"X{number}", "unconverted")
        last.note("", "own")
    assert counted(gauge) == {("other", "unconverted"): 50, ("none", "own"): 50}
