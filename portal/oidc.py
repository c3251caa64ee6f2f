"""Login at the city's identity provider."""

from fastapi import APIRouter

from portal.services import PortalServices


def router(_services: PortalServices) -> APIRouter:
    """Nothing yet."""
    return APIRouter()
