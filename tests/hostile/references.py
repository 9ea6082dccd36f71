"""What is sent and what is answered, with every field that the APIs' documentation names."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from clients import PurchaseEvent
from schemas.records import JournalEntry, Origin

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVENT = PurchaseEvent("747473295", NOW, "shop", Decimal("9.99"))

LINE: dict[str, Any] = {
    "storage": "db", "storage_id": 1, "order_product_id": 59157160, "product_id": "5434", "variant_id": "52124",
    "name": "Kubek, niebieski", "sku": "K-1", "ean": "5901234123457", "location": "A1", "warehouse_id": 1,
    "auction_id": "0", "attributes": "Kolor: niebieski", "price_brutto": 20.5, "tax_rate": 23, "quantity": 2,
    "weight": 1, "bundle_id": 0,
}  # fmt: skip
ORDER: dict[str, Any] = {
    "order_id": 747473295, "shop_order_id": 824, "external_order_id": "7b7ddf00", "order_source": "amazon",
    "order_source_id": 31, "order_source_info": "-", "order_status_id": 6624, "date_add": 1407841161,
    "date_confirmed": 1407841256, "date_in_status": 1407841256, "confirmed": True, "user_login": "nick123",
    "currency": "GBP", "payment_method": "PayPal", "payment_method_cod": "0", "payment_done": "50",
    "user_comments": "User comment", "admin_comments": "Seller", "email": "nick@example.com", "phone": "+48693123123",
    "delivery_method_id": 7, "delivery_method": "Expedited shipping", "delivery_price": 10,
    "delivery_package_module": "other", "delivery_package_nr": "0042348723648234", "delivery_fullname": "John Doe",
    "delivery_company": "Company", "delivery_address": "Long Str 12", "delivery_postcode": "00-999",
    "delivery_city": "Warszawa", "delivery_state": "", "delivery_country": "Polska", "delivery_country_code": "PL",
    "delivery_point_id": "", "delivery_point_name": "", "delivery_point_address": "", "delivery_point_postcode": "",
    "delivery_point_city": "", "invoice_fullname": "John Doe", "invoice_company": "Company", "invoice_nip": "GB8943245",
    "invoice_address": "Long Str 12", "invoice_postcode": "00-999", "invoice_city": "Warszawa", "invoice_state": "",
    "invoice_country": "Polska", "invoice_country_code": "PL", "want_invoice": "1", "extra_field_1": "field",
    "extra_field_2": "", "custom_extra_fields": {"135": "B2B"}, "order_page": "https://x.example/1", "pick_state": 1,
    "pack_state": 0, "star": 0, "crm_client_id": 0, "commission": {"net": 1, "gross": 1.23, "currency": "PLN"},
    "connect_data": {}, "products": [LINE, LINE | {"product_id": "5435", "sku": "", "variant_id": 0, "quantity": "1"}],
}  # fmt: skip
ORDERS = {"status": "SUCCESS", "orders": [ORDER]}
JOURNAL = {
    "status": "SUCCESS",
    "logs": [
        {"log_id": 456269, "order_id": 6911942, "log_type": 13, "object_id": 0, "date": 1516369287},
        {"id": 456278, "order_id": 8911945, "log_type": 1, "object_id": 5107899, "date": 1516369390},
    ],
}
BY_PHONE = {
    "status": "SUCCESS",
    "orders": [
        {"order_id": 1630473, "order_status_id": "6624", "delivery_fullname": "John Doe", "delivery_company": "",
         "date_in_status": 1407341754, "date_add": "1407841161"}
    ],
}  # fmt: skip
SOURCES = {"status": "SUCCESS", "sources": {"personal": ["Phone"], "shop": {"12": "Store"}, "allegro": {"3": "Konto"}}}
REFUSED = {"status": "ERROR", "error_code": "ERROR_BLOCKED_TOKEN",
           "error_message": "Query limit exceeded, token blocked until 2026-11-24 13:10:00"}  # fmt: skip

UPSERTED = {"success": True, "message": [], "contactId": "c0ffee00-0000-4000-8000-000000000001", "externalId": "U1"}
CREATED = {"success": True, "message": [], "eventId": "e0ffee00-0000-4000-8000-000000000001"}
DELETED = {"success": True, "message": [], "result": "deleted"}
CARDS = {
    "success": True,
    "message": [],
    "contacts": [
        {
            "name": "Jan", "email": "nick@example.com", "phone": "+48693123123", "fax": "", "score": 1,
            "state": "CUSTOMER", "optedOut": False, "optedOutPhone": False, "deleted": False, "invalid": False,
            "company": "", "externalId": "U1", "address": {"streetAddress": "x", "zipCode": "", "city": ""},
            "contactId": "c0ffee00-0000-4000-8000-000000000001", "birthdayYear": "", "birthdayMonth": "",
            "modifiedOn": 1763640000000, "createdOn": 1763640000000, "lastVisit": None,
            "contactTags": [{"tag": "A", "score": 1}], "properties": [{"name": "a", "value": "b"}],
            "contactExtEvents": [
                {"eventId": "e1", "date": 1763640000000, "contactExtEventType": "PURCHASE", "description": "",
                 "products": "p01, p02", "location": "shop", "value": 1.5, "detail1": None, "detail2": "",
                 "externalId": "747473295", "shopDomain": ""},
                {"id": "e2", "date": "1763640000000", "type": "CART", "externalId": 7},
            ],
        }
    ],
}  # fmt: skip
USERS = {"success": True, "message": [], "users": [{"email": "owner@example.com"}, "second@example.com"]}
CATALOGS = {
    "requestId": "r1",
    "catalogs": [
        {"catalogId": "k1", "name": "Shop", "setAsDefault": True, "currency": "PLN", "location": "shop_1"},
        {"catalogId": "k2", "name": "Shop 2", "setAsDefault": False, "currency": "EUR", "location": "shop_2"},
    ],
    "limits": {"max": 20},
}  # fmt: skip
FAILED = {"success": False, "message": ["No email specified"], "values": {"a": "b"}}
PROBLEMS = {"problems": [{"reasonCode": 13, "message": "missing"}], "reasonCode": 10, "messages": ["auth"]}


def entry(order_id: int = 7, **fields: Any) -> JournalEntry:
    """An entry of the journal topic."""
    return JournalEntry(**{"log_id": 5, "log_type": 1, "order_id": order_id, "object_id": None, "logged_at": NOW,
                           "origin": Origin.JOURNAL, **fields})  # fmt: skip
