"""Proof that a changing request comes from our own page: a secret that only our pages hold, and the browser's own word.

The secret stands in every form as `csrf_token` and in `<meta name="csrf-token">` for scripts, which send it as
`X-CSRF-Token`. Who is logged in has the login's own; a visitor has one in a cookie, so that nobody can log others in.
"""

import hmac
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

FIELD: Final = "csrf_token"
HEADER: Final = "X-CSRF-Token"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_FIELDS: Final = 100
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


async def proved(request: Request, expected: str, *, public_url: str) -> bool:
    """True when `request` shows the secret `expected` and no browser says that another site sent it."""
    if not same_origin(request, public_url):
        return False
    sent = request.headers.get(HEADER) or await _form_field(request)
    return bool(expected) and hmac.compare_digest(sent.encode(), expected.encode())


def same_origin(request: Request, public_url: str) -> bool:
    """False when the browser names another site as the sender; old browsers and programs name none."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    return (
        urlsplit(origin).netloc in (request.headers.get("host", ""), urlsplit(public_url).netloc) and origin != "null"
    )


async def _form_field(request: Request) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _FORMS:
        return ""
    form = await request.form(max_files=0, max_fields=MAX_FIELDS)  # kept by the request for the handler
    value = form.get(FIELD, "")
    return value if isinstance(value, str) else ""
