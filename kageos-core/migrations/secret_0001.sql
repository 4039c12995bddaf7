CREATE TABLE workspace_secret (
    workspace_id {id} NOT NULL,
    name {code} NOT NULL,
    origin {text} NOT NULL,
    sealed {long_text} NOT NULL,
    key_id {code} NOT NULL,
    changed_at {int} NOT NULL,
    changed_by {id},
    PRIMARY KEY (workspace_id, name)
) {table_options};
