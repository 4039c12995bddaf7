ALTER TABLE app_release ADD COLUMN table_steps {long_text};
