CREATE TABLE tree_state (
    id {int} NOT NULL PRIMARY KEY,
    generation {int} NOT NULL
) {table_options};

INSERT INTO tree_state (id, generation) VALUES (1, 1);

CREATE TABLE tree_home (
    workspace_id {id} NOT NULL PRIMARY KEY,
    node {code} NOT NULL,
    since {int} NOT NULL
) {table_options};
