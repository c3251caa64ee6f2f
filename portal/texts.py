"""The catalogue for scripts: `static/texts.js` imports it and gives them `_("Satz")`."""

import json

from fastapi import APIRouter, Depends
from starlette.responses import Response

from portal.auth import public
from portal.services import PortalServices
from portal.translation import catalogue

routes = APIRouter()


def router(_services: PortalServices) -> APIRouter:
    """The catalogue, the same for everybody."""
    return routes


@routes.get("/texts/en.js", dependencies=[Depends(public)])
async def english() -> Response:
    """All English sentences by their German ones, as a module."""
    module = f"export default {json.dumps(dict(catalogue()), ensure_ascii=False, sort_keys=True)};\n"
    return Response(module, media_type="text/javascript", headers={"Cache-Control": "public, max-age=300"})
