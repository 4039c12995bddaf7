CREATE TABLE source_head (
    workspace_id {id} NOT NULL PRIMARY KEY,
    commit_id {code} NOT NULL,
    changed_at {int} NOT NULL
) {table_options};

CREATE TABLE app_release (
    workspace_id {id} NOT NULL,
    number {int} NOT NULL,
    state {code} NOT NULL,
    commit_id {code} NOT NULL,
    created_at {int} NOT NULL,
    created_by {id},
    changed_at {int} NOT NULL,
    was_live {int} NOT NULL,
    build_ms {int},
    binary_sha256 {text},
    binary_size {int},
    errors {int} NOT NULL,
    warnings {int} NOT NULL,
    error {long_text},
    sandbox {text},
    changes {long_text} NOT NULL,
    manifest {long_text},
    PRIMARY KEY (workspace_id, number)
) {table_options};

CREATE TABLE release_live (
    workspace_id {id} NOT NULL PRIMARY KEY,
    number {int} NOT NULL,
    since {int} NOT NULL
) {table_options};
