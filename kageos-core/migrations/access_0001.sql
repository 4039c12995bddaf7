CREATE TABLE access_state (
    id {int} NOT NULL PRIMARY KEY,
    generation {int} NOT NULL
) {table_options};

INSERT INTO access_state (id, generation) VALUES (1, 1);

CREATE TABLE access_grant (
    id {id} NOT NULL PRIMARY KEY,
    node_id {id} NOT NULL,
    subject_kind {code} NOT NULL,
    subject_id {code} NOT NULL,
    role {code} NOT NULL,
    deny {int} NOT NULL,
    expires_at {int},
    created_at {int} NOT NULL,
    created_by {id}
) {table_options};

CREATE INDEX access_grant_node ON access_grant (node_id);

CREATE INDEX access_grant_subject ON access_grant (subject_id);

CREATE TABLE access_group (
    id {id} NOT NULL PRIMARY KEY,
    name {text} NOT NULL,
    name_folded {text} NOT NULL,
    created_at {int} NOT NULL,
    created_by {id}
) {table_options};

CREATE UNIQUE INDEX access_group_name ON access_group (name_folded);

CREATE TABLE access_member (
    group_id {id} NOT NULL,
    user_id {id} NOT NULL,
    added_at {int} NOT NULL,
    PRIMARY KEY (group_id, user_id)
) {table_options};

CREATE INDEX access_member_user ON access_member (user_id);
