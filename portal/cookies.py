"""Our cookies: never readable by scripts, never sent along from other sites' forms, kept from plain http."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from portal.site_settings import PortalSettings

SESSION: Final = "stadtfunk"
FORM: Final = "stadtfunk_form"
LOGIN: Final = "stadtfunk_login"
LANGUAGE: Final = "stadtfunk_language"
DEVICE: Final = "stadtfunk_device"
"""Digest of the address under which this browser gets notifications, so that a logout ends them."""


def name_of(cookie: str, settings: PortalSettings) -> str:
    """Its name; `__Host-` makes browsers refuse one that another host of the domain has set."""
    return f"__Host-{cookie}" if settings.secure else cookie


def read(request: Request, cookie: str, settings: PortalSettings) -> str:
    """Its value; empty without one."""
    return request.cookies.get(name_of(cookie, settings), "")


def write(response: Response, cookie: str, value: str, *, settings: PortalSettings, seconds: float | None) -> None:
    """Set it for so many seconds; None: until the browser ends."""
    response.set_cookie(
        name_of(cookie, settings),
        value,
        max_age=None if seconds is None else int(seconds),
        path="/",
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )


def forget(response: Response, cookie: str, settings: PortalSettings) -> None:
    """Have the browser forget it."""
    response.delete_cookie(name_of(cookie, settings), path="/", secure=settings.secure, httponly=True, samesite="lax")
