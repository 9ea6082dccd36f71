"""Currency codes (ISO 4217) and exchange rates, as the settings hold them."""

import re
from decimal import Decimal

# In circulation, and the two that the euro replaced in 2023 and 2026; no funds, metals and test codes.
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR
    ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND
    VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905
)
_RATE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,10})?")
Rates = tuple[tuple[str, Decimal], ...]


def read_currency(text: str) -> str:
    """Return the code in upper case; "" for blank, ValueError for one that is none."""
    code = text.strip().upper()
    if code and code not in CURRENCIES:
        raise ValueError("is not the code of a currency, such as PLN or EUR (ISO 4217)")
    return code


def read_rates(text: str) -> Rates:
    """Return the rates of `EUR:4.27,CZK:0.1735` in their order; ValueError names all that is wrong.

    The error names a part by its code, or by its place where it has none: it may be a secret in the wrong line.
    """
    rates: dict[str, Decimal] = {}
    wrong: list[str] = []
    for place, part in enumerate(text.split(","), 1):
        code, colon, number = (piece.strip() for piece in part.partition(":"))
        code = code.upper()
        if not part.strip():
            continue
        if not colon:
            wrong.append(f"part {place} is not CODE:rate (decimals have a point)")
        elif code not in CURRENCIES:
            wrong.append(f"part {place} has no code of a currency before the colon (ISO 4217)")
        elif not _RATE.fullmatch(number) or not Decimal(number):
            wrong.append(f"the rate of {code} is not a number above 0, of at most 7 digits and 10 decimals")
        elif code in rates:
            wrong.append(f"{code} has two rates")
        else:
            rates[code] = Decimal(number)
    if wrong:
        raise ValueError(", ".join(wrong))
    return tuple(rates.items())


def contradictions(shop: str, rates: Rates, foreign: str) -> list[tuple[tuple[str, ...], str]]:
    """Return (settings concerned, sentence) for SHOP_CURRENCY, EXCHANGE_RATES and FOREIGN_CURRENCY taken together."""
    found: list[tuple[tuple[str, ...], str]] = []
    if rates and not shop:
        text = "EXCHANGE_RATES: are rates to no currency; set SHOP_CURRENCY, too, e.g. SHOP_CURRENCY=PLN"
        found.append((("exchange_rates", "shop_currency"), text))
    elif shop in dict(rates):
        text = f"EXCHANGE_RATES: has a rate of {shop}, which is SHOP_CURRENCY itself; leave it out"
        found.append((("exchange_rates", "shop_currency"), text))
    if foreign == "skip" and not shop:
        text = "FOREIGN_CURRENCY: no currency is foreign without SHOP_CURRENCY; set it, e.g. SHOP_CURRENCY=PLN"
        found.append((("foreign_currency", "shop_currency"), text))
    return found
