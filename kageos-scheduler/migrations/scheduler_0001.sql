CREATE TABLE schedule_task (
    id {id} NOT NULL PRIMARY KEY,
    owner {code} NOT NULL,
    title {text} NOT NULL,
    subject {code},
    executor {code} NOT NULL,
    payload {long_text} NOT NULL,
    rules {long_text} NOT NULL,
    state {code} NOT NULL,
    note {long_text},
    problem {long_text},
    revision {int} NOT NULL,
    cursor_at {int} NOT NULL,
    last_end_at {int},
    next_at {int},
    next_run_at {int},
    runs {int} NOT NULL,
    zone_data {code} NOT NULL,
    create_key {code},
    created_at {int} NOT NULL,
    changed_at {int} NOT NULL
) {table_options};

CREATE TABLE schedule_execution (
    id {id} NOT NULL PRIMARY KEY,
    task_id {id} NOT NULL,
    executor {code} NOT NULL,
    source {code} NOT NULL,
    nominal_at {int} NOT NULL,
    planned_at {int} NOT NULL,
    state {code} NOT NULL,
    attempt {int} NOT NULL,
    failures {int} NOT NULL,
    losses {int} NOT NULL,
    ready_at {int},
    worker_id {id},
    started_at {int},
    cancel {code},
    payload {long_text},
    created_at {int} NOT NULL,
    rank_at {int} NOT NULL,
    place_at {int},
    settles {int} NOT NULL
) {table_options};

CREATE TABLE schedule_ended (
    id {id} NOT NULL PRIMARY KEY,
    task_id {id} NOT NULL,
    source {code} NOT NULL,
    nominal_at {int} NOT NULL,
    planned_at {int} NOT NULL,
    state {code} NOT NULL,
    reason {code},
    error {long_text},
    output {long_text},
    attempts {int} NOT NULL,
    worker_id {id},
    created_at {int} NOT NULL,
    started_at {int},
    ended_at {int} NOT NULL,
    until_at {int},
    occurrences {int}
) {table_options};

CREATE TABLE schedule_attempt (
    execution_id {id} NOT NULL,
    number {int} NOT NULL,
    worker_id {id},
    started_at {int} NOT NULL,
    ended_at {int} NOT NULL,
    reason {code} NOT NULL,
    error {long_text},
    PRIMARY KEY (execution_id, number)
) {table_options};

CREATE TABLE schedule_key (
    task_id {id} NOT NULL,
    run_key {code} NOT NULL,
    execution_id {id} NOT NULL,
    created_at {int} NOT NULL,
    PRIMARY KEY (task_id, run_key)
) {table_options};

CREATE TABLE schedule_worker (
    id {id} NOT NULL PRIMARY KEY,
    name {code} NOT NULL,
    beat {int},
    joined_at {int} NOT NULL
) {table_options};
