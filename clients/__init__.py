"""Typed clients of both APIs; what other rooms may use."""

from clients.baselinker import BaseLinker
from clients.contacts import Catalog, Contact, ContactCard, ExtEvent, PurchaseEvent
from clients.errors import (
    ApiError,
    BackpressureError,
    CallMissing,
    CallRefused,
    CallUnavailable,
    ContactGone,
    EventGone,
    FatalError,
    RejectedError,
    RetriableError,
)
from clients.http import Http
from clients.orders import JournalLog, Order, OrderProduct, OrderSummary
from clients.pacing import Pacer, PacerClosed
from clients.salesmanago import SalesManago

__all__ = [
    "ApiError",
    "BackpressureError",
    "BaseLinker",
    "CallMissing",
    "CallRefused",
    "CallUnavailable",
    "Catalog",
    "Contact",
    "ContactCard",
    "ContactGone",
    "EventGone",
    "ExtEvent",
    "FatalError",
    "Http",
    "JournalLog",
    "Order",
    "OrderProduct",
    "OrderSummary",
    "Pacer",
    "PacerClosed",
    "PurchaseEvent",
    "RejectedError",
    "RetriableError",
    "SalesManago",
]
