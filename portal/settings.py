"""Settings of everything that speaks HTTP: where to listen and who may deliver webhooks."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

LOOPBACK = "127.0.0.1"
MAX_BODY_BYTES = 64 * 1024
"""Cap of a webhook's body before anything looks into it; an uplink of any network server is far below."""


class WebhookSettings(BaseModel):
    """One sender of webhooks; its name in the configuration is the path `/webhooks/<name>` and the source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Annotated[
        SecretStr,
        Field(min_length=16, description="shared secret of the sender, at least 16 characters; see `token_file`"),
    ]
    header: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$",
            description="request header that carries the token; in `Authorization` it follows the word `Bearer`",
        ),
    ] = "Authorization"


class HttpSettings(BaseModel):
    """The HTTP port: health, metrics and webhooks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[
        str, Field(min_length=1, description="address to listen on; loopback unless a proxy stands in front")
    ] = LOOPBACK
    port: Annotated[int, Field(ge=0, le=65535, description="TCP port; 0 takes any free one")] = 8080
    webhooks: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")], WebhookSettings],
        Field(description="senders that may post uplinks to `/webhooks/<name>`, by name"),
    ] = {}
    submit_seconds: Annotated[
        float,
        Field(gt=0, le=60, description="how long a webhook may wait for its commit before it is told to come again"),
    ] = 4.0
