"""Settings of the portal: where its pages are, who may log in with which role and for how long, which map."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from portal.user_roles import UserRole

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")

_ARGON2 = re.compile(r"\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{22,}")


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class UserSettings(_Settings):
    """Somebody who may log in with a password; the key in the configuration is the user name."""

    password_hash: SecretStr = Field(description="argon2id hash of the password, from `stadtfunk portal hash-password`")
    role: UserRole = Field(default=UserRole.VIEWER, description="what the user may do")

    @field_validator("password_hash")
    @classmethod
    def _argon2id(cls, value: SecretStr) -> SecretStr:
        if _ARGON2.fullmatch(value.get_secret_value()) is None:
            raise ValueError("expected an argon2id hash; `stadtfunk portal hash-password` makes one")
        return value


UserName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
_USERS: Final = TypeAdapter(dict[UserName, UserSettings])


class OidcSettings(_Settings):
    """Login at the city's identity provider with OpenID Connect (authorization code with PKCE)."""

    issuer: str = Field(
        description="the provider's issuer URL; its metadata lie below it", pattern=r"^https?://[^\s]+$"
    )
    client_id: str = Field(min_length=1, description="our id at the provider")
    client_secret: SecretStr | None = Field(default=None, description="our secret at the provider")
    client_secret_file: Path | None = Field(
        default=None, description="file with the secret; instead of `client_secret`"
    )
    label: str = Field(default="Stadtkonto", min_length=1, max_length=40, description="what the login button names")
    scopes: tuple[str, ...] = Field(default=("openid", "profile"), description="scopes to ask for")
    name_claim: str = Field(default="preferred_username", description="claim that holds the user name")
    roles_claim: str = Field(default="groups", description="claim with the user's groups; dots lead into objects")
    roles: dict[str, UserRole] = Field(
        default_factory=dict, description="role by group, the first match counts; somebody without a match is refused"
    )
    timeout_seconds: float = Field(default=10, gt=0, le=60, description="how long the provider may take for an answer")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise ValueError("client_secret and client_secret_file: give one of them")
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError("issuer must begin with https://")
        if "openid" not in self.scopes:
            raise ValueError("scopes must contain openid")
        return self

    def read_client_secret(self) -> SecretStr:
        """The secret, from its file when one is configured.

        Raises:
            OSError: the file cannot be read.
        """
        if self.client_secret is not None:
            return self.client_secret
        assert self.client_secret_file is not None
        return SecretStr(self.client_secret_file.read_text(encoding="utf-8").strip())


class MapSettings(_Settings):
    """The background map; every page works without it, too."""

    tiles: str | None = Field(
        default="https://sgx.geodatenzentrum.de/wmts_basemapde/tile/1.0.0/de_basemapde_web_raster_grau"
        "/default/GLOBAL_WEBMERCATOR/{z}/{y}/{x}.png",
        description="URL of raster tiles with {z}, {x} and {y}; null: no background",
    )
    attribution: str = Field(
        default="© GeoBasis-DE / BKG (basemap.de), CC BY 4.0", description="whose map it is, shown on it"
    )
    max_zoom: int = Field(default=19, ge=1, le=24, description="deepest level of the tiles")

    @field_validator("tiles")
    @classmethod
    def _template(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", parts.netloc):
            raise ValueError("tiles: expected a URL that begins with https:// and names one host")
        if not all(part in value for part in ("{z}", "{x}", "{y}")):
            raise ValueError("tiles: expected a URL with {z}, {x} and {y}")
        return value

    @property
    def origin(self) -> str | None:
        """Scheme and host of the tiles, as the content security policy names them."""
        if self.tiles is None:
            return None
        parts = urlsplit(self.tiles)
        return f"{parts.scheme}://{parts.netloc}"


class PortalSettings(_Settings):
    """The pages for people, on a port of their own."""

    enabled: bool = Field(default=False, description="serve the pages for people (needs the `portal` extra)")
    host: str = Field(
        default="127.0.0.1", min_length=1, description="address to listen on; loopback unless a proxy stands in front"
    )
    port: int = Field(default=8081, ge=0, le=65535, description="TCP port of the pages; 0 takes any free one")
    public_url: str | None = Field(
        default=None, description="how people reach the portal, `https://…` without a path; default: this machine only"
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(), description="addresses of proxies whose X-Forwarded-For is believed"
    )
    language: Literal["de", "en"] = Field(default="de", description="language of pages until a user chooses another")
    session_hours: float = Field(default=10, gt=0, le=24, description="how long a login lasts: a shift")
    idle_hours: float | None = Field(
        default=None, gt=0, le=24, description="a login ends earlier when unused so long; null: lasts the whole shift"
    )
    users: dict[UserName, UserSettings] = Field(
        default_factory=dict, description="who may log in with a password, by user name"
    )
    users_file: Path | None = Field(default=None, description="YAML file with more `users` (mode 0600)")
    oidc: OidcSettings | None = Field(default=None, description="login at the city's identity provider")
    map: MapSettings = Field(default_factory=MapSettings, description="the background map")

    @field_validator("public_url")
    @classmethod
    def _safe_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError("public_url: expected a URL that begins with https://")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("public_url must begin with https:// unless it is this machine")
        if parts.path or parts.query or parts.fragment:
            raise ValueError("public_url has no path: the portal needs a host name of its own")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _idle_within_session(self) -> Self:
        if self.idle_hours is not None and self.idle_hours > self.session_hours:
            raise ValueError("idle_hours must not be longer than session_hours")
        if self.oidc is not None and self.public_url is None:
            raise ValueError("oidc needs public_url: the provider sends people back to it")
        return self

    @property
    def secure(self) -> bool:
        """True when people come over https: cookies are then kept from plain http."""
        return self.public_url is not None and self.public_url.startswith("https://")

    def read_users(self) -> Mapping[str, UserSettings]:
        """The users of the configuration and of the users' file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds something else, or a user twice; the text shows no hash.
        """
        if self.users_file is None:
            return self.users
        try:
            found = _USERS.validate_python(yaml.safe_load(self.users_file.read_text(encoding="utf-8")) or {})
        except yaml.YAMLError:
            raise ValueError("a YAML file of users") from None
        except ValidationError as error:
            [first, *_] = error.errors(include_url=False, include_input=False)
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"a YAML file of users; {place}: {first['msg']}") from None
        twice = sorted(found.keys() & self.users.keys())
        if twice:
            raise ValueError(f"each user once; {', '.join(twice)} stands in the configuration, too")
        return {**self.users, **found}
