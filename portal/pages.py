"""Pages: templates with the layout's facts filled in, and what the navigation shows to whom.

    return render(request, "inbox/list.html", cases=cases)

Every template has `_("Satz")`, `_n("{count} Fall", "{count} Fälle", count=n)`, `user`, `csrf_token`, `asset(path)`,
`language`, `icon(name)`, and the filters `clock`, `day`, `moment` and `duration`, which show times of Berlin.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from portal import times
from portal.auth import Visit, visitor
from portal.cookies import FORM, LANGUAGE, read, write
from portal.redirects import safe_path
from portal.services import services_of
from portal.translation import LANGUAGES, Translator
from portal.user_roles import UserRole

STATIC: Final = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Page:
    """An entry of the navigation.

    Attributes:
        path: where it leads.
        title: German; the catalogue has its English form.
        icon: name of a symbol in `static/icons.svg`.
        roles: who sees it; the same as its route lets in.
        order: the lowest is the first, and where its users begin.
    """

    path: str
    title: str
    icon: str
    roles: frozenset[UserRole]
    order: int = 100


def environment() -> Environment:
    """The templates of `portal/templates`: escaped, strict about names."""
    made = Environment(
        loader=PackageLoader("portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"asset": asset, "icon": icon}
    made.filters |= {"clock": times.clock, "day": times.day, "moment": times.moment, "duration": times.duration}
    return made


def render(request: Request, template: str, /, *, status_code: int = 200, **context: object) -> HTMLResponse:
    """The page of `template` for whoever sends `request`."""
    services = services_of(request)
    visit: Visit = getattr(request.state, "visit", None) or visitor(request, services)
    translator = translator_of(request)
    around = {
        "_": translator,
        "_n": translator.plural,
        "language": translator.language,
        "languages": LANGUAGES,
        "user": visit.user,
        "csrf_token": visit.csrf_token,
        "path": request.url.path,
        "here": safe_path(f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path),
        "navigation": navigation(request, visit),
        "map": services.settings.map,
    }
    page = services.templates.get_template(template).render(around | context)
    response = HTMLResponse(page, status_code=status_code)
    if visit.form_cookie is not None:
        write(response, FORM, visit.form_cookie, settings=services.settings, seconds=None)
    return response


def translator_of(request: Request) -> Translator:
    """The language that the visitor has chosen, else that of the settings."""
    settings = services_of(request).settings
    chosen = read(request, LANGUAGE, settings)
    return Translator(chosen if chosen in LANGUAGES else settings.language)


def navigation(request: Request, visit: Visit) -> list[Page]:
    """The pages that the visitor may see, in order."""
    pages: list[Page] = request.app.state.pages
    return [] if visit.user is None else [page for page in pages if visit.user.role in page.roles]


@cache
def asset(path: str) -> str:
    """The URL of a file below `static/`, with a digest of its content, so that browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"


def icon(name: str) -> Markup:
    """A symbol of `static/icons.svg`, for the eye only: the text beside it says what it means."""
    reference = f"{asset('icons.svg')}#{name}"
    return Markup('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"></use></svg>').format(
        reference
    )
