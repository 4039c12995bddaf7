CREATE TABLE release_place (
    workspace_id {id} NOT NULL PRIMARY KEY,
    node {code} NOT NULL,
    life {code} NOT NULL,
    token {int} NOT NULL
) {table_options};
