CREATE INDEX app_release_state ON app_release (state);
