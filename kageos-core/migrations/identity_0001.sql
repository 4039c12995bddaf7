CREATE TABLE identity_user (
    id {id} NOT NULL PRIMARY KEY,
    login {text} NOT NULL,
    login_folded {text} NOT NULL,
    name {text} NOT NULL,
    email {text},
    kind {code} NOT NULL,
    namespace {code},
    admin {int} NOT NULL,
    disabled {int} NOT NULL,
    locale {code},
    theme {code},
    time_zone {code},
    created_at {int} NOT NULL
) {table_options};

CREATE UNIQUE INDEX identity_user_login ON identity_user (login_folded);

CREATE UNIQUE INDEX identity_user_namespace ON identity_user (namespace);

CREATE TABLE identity_password (
    user_id {id} NOT NULL PRIMARY KEY,
    hash {text} NOT NULL,
    changed_at {int} NOT NULL
) {table_options};

CREATE TABLE identity_session (
    id {id} NOT NULL PRIMARY KEY,
    user_id {id} NOT NULL,
    digest {code} NOT NULL,
    client {text},
    created_at {int} NOT NULL,
    seen_at {int} NOT NULL,
    expires_at {int} NOT NULL
) {table_options};

CREATE UNIQUE INDEX identity_session_digest ON identity_session (digest);

CREATE INDEX identity_session_user ON identity_session (user_id, seen_at);

CREATE TABLE identity_token (
    id {id} NOT NULL PRIMARY KEY,
    user_id {id} NOT NULL,
    name {text} NOT NULL,
    digest {code} NOT NULL,
    scope_path {text},
    scope_rights {text} NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    used_at {int}
) {table_options};

CREATE UNIQUE INDEX identity_token_digest ON identity_token (digest);

CREATE INDEX identity_token_user ON identity_token (user_id, id);
