-- Where a session's user is known from, and the tokens of programs that read the portal.

-- `local`: a user of the configuration, `oidc`: one of the city's identity provider. The same name may be in both.
ALTER TABLE portal_session ADD COLUMN origin text NOT NULL DEFAULT 'local' CHECK (origin IN ('local', 'oidc'));
CREATE INDEX portal_session_expires_idx ON portal_session (expires_at);

-- Only the digest of a token is kept; it is shown once, when it is made.
CREATE TABLE portal_token (
    name         text PRIMARY KEY,
    token_digest bytea NOT NULL UNIQUE,
    role         text NOT NULL,
    scopes       text[] NOT NULL,
    writes       boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz
);
COMMENT ON COLUMN portal_token.scopes IS 'Parts of the portal that the token may read, and write when `writes`.';
