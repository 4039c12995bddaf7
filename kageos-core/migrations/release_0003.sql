CREATE TABLE release_attached (
    workspace_id {id} NOT NULL PRIMARY KEY,
    user_id {id} NOT NULL,
    since {int} NOT NULL,
    manifest {long_text} NOT NULL,
    egress_digest {text}
) {table_options};
