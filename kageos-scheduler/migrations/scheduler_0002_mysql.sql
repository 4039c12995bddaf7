CREATE UNIQUE INDEX schedule_task_key ON schedule_task (owner, create_key);
CREATE INDEX schedule_task_subject ON schedule_task (subject, id);
CREATE INDEX schedule_task_due ON schedule_task (next_run_at);
CREATE INDEX schedule_execution_task ON schedule_execution (task_id, source, id);
CREATE INDEX schedule_execution_place ON schedule_execution (place_at, executor);
CREATE INDEX schedule_execution_ready ON schedule_execution (ready_at);
CREATE INDEX schedule_execution_worker ON schedule_execution (worker_id);
CREATE INDEX schedule_ended_task ON schedule_ended (task_id, id);
