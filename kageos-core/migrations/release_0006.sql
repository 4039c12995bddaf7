CREATE TABLE runtime_place (
    workspace_id {id} NOT NULL,
    number {int} NOT NULL,
    server {code} NOT NULL,
    node {code} NOT NULL,
    life {code} NOT NULL,
    token {int} NOT NULL,
    PRIMARY KEY (workspace_id, number, server)
) {table_options};
