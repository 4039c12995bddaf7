ALTER TABLE app_release ADD COLUMN stream_id {id};

CREATE TABLE release_place_each (
    workspace_id {id} NOT NULL,
    number {int} NOT NULL,
    server {code} NOT NULL,
    node {code} NOT NULL,
    life {code} NOT NULL,
    token {int} NOT NULL,
    PRIMARY KEY (workspace_id, number, server)
) {table_options};

INSERT INTO release_place_each (workspace_id, number, server, node, life, token)
    SELECT workspace_id, number, '', node, life, token FROM release_place;

DROP TABLE release_place;

ALTER TABLE release_place_each RENAME TO release_place;
