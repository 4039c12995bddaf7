CREATE TABLE release_starting (
    workspace_id {id} NOT NULL PRIMARY KEY,
    number {int} NOT NULL,
    stream_id {id} NOT NULL
) {table_options};
