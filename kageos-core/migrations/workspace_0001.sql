CREATE TABLE workspace_database (
    workspace_id {id} NOT NULL PRIMARY KEY,
    engine {code} NOT NULL,
    name {code} NOT NULL,
    account {code} NOT NULL,
    password {text} NOT NULL,
    key_id {code} NOT NULL,
    created_at {int} NOT NULL,
    ready_at {int}
) {table_options};
