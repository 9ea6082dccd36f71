"""The rules' settings, out of the program's."""

from processor.decide.currency import CurrencyRules
from processor.decide.rules import RuleSettings
from runtime.settings import Settings


def rule_settings(settings: Settings) -> RuleSettings:
    """Return what the rules need."""
    return RuleSettings(
        location=settings.salesmanago_location,
        contact_tag=settings.contact_tag,
        tag_order_source=settings.tag_order_source,
        skip_shop_orders=settings.skip_shop_orders,
        product_id_field=settings.product_id_field,
        masked_email_domains=tuple(settings.masked_email_domains),
        currency=CurrencyRules(settings.shop_currency, settings.exchange_rates, settings.foreign_currency == "skip"),
    )
