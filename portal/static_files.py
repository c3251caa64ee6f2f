"""Our own scripts, styles and pictures, and Leaflet's from its Python package: nothing comes from another host."""

import os
from typing import Final

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope
from xstatic.pkg import leaflet

from portal.pages import STATIC

FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"


def mount_static(site: FastAPI) -> None:
    """Serve `/static/` and `/static/leaflet/`, compressed: they hold no secret that compression could betray."""
    site.mount("/static/leaflet", _compressed(CachedFiles(directory=leaflet.BASE_DIR)), name="leaflet")
    site.mount("/static", _compressed(CachedFiles(directory=STATIC)), name="static")


class CachedFiles(StaticFiles):
    """Files that browsers keep: for ever under a URL with their digest, else until they have changed."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or 304 to a browser that has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = FOR_EVER if scope.get("query_string", b"").startswith(b"v=") else ASK_AGAIN
        if os.fspath(full_path).endswith("service-worker.js"):
            response.headers["Service-Worker-Allowed"] = "/"
        return response


def _compressed(app: ASGIApp) -> ASGIApp:
    return GZipMiddleware(app, minimum_size=1024)
