CREATE TABLE release_place (
    workspace_id {id} NOT NULL,
    number {int} NOT NULL,
    node {code} NOT NULL,
    life {code} NOT NULL,
    token {int} NOT NULL,
    PRIMARY KEY (workspace_id, number)
) {table_options};
