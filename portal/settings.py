"""Settings of everything that speaks HTTP: where to listen and who may deliver webhooks."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

MAX_BODY_BYTES = 64 * 1024
"""Cap of a webhook's body before anything looks into it; an uplink of any network server is far below."""
MIN_TOKEN_CHARACTERS = 16

WebhookName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class WebhookSettings(_Settings):
    """One sender of webhooks; its name in the configuration is the path `/webhooks/<name>` and the source."""

    format: Literal["chirpstack", "thethings"] = Field(
        default="thethings", description="whose messages they are: `chirpstack` (v4) or `thethings` (v3)"
    )
    token: SecretStr | None = Field(
        default=None, min_length=MIN_TOKEN_CHARACTERS, description="the sender's secret, at least 16 characters"
    )
    token_file: Path | None = Field(default=None, description="file that holds the token; instead of `token`")
    header: str = Field(
        default="Authorization",
        pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$",
        description="request header that carries the token; in `Authorization` it follows the word `Bearer`",
    )

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if (self.token is None) == (self.token_file is None):
            raise ValueError("token and token_file: give one of them")
        return self

    def read_token(self) -> SecretStr:
        """The token, from its file when one is configured.

        Raises:
            OSError: the file cannot be read.
            ValueError: the file holds too short a token.
        """
        if self.token is not None:
            return self.token
        assert self.token_file is not None
        token = self.token_file.read_text(encoding="utf-8").strip()
        if len(token) < MIN_TOKEN_CHARACTERS:
            raise ValueError(f"the token in {self.token_file} has fewer than {MIN_TOKEN_CHARACTERS} characters")
        return SecretStr(token)


class HttpSettings(_Settings):
    """The HTTP port: health, metrics and webhooks."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="address to listen on; loopback unless a proxy stands in front"
    )
    port: int = Field(default=8080, ge=0, le=65535, description="TCP port; 0 takes any free one")
    webhooks: dict[WebhookName, WebhookSettings] = Field(
        default={}, description="senders that may post uplinks to `/webhooks/<name>`, by name"
    )
    submit_seconds: float = Field(
        default=4.0, gt=0, le=60, description="how long a webhook may wait for its commit before it shall come again"
    )
