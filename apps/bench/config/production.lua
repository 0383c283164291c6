-- The servers that this one is compared with write no access log either: a
-- line a request would measure the logs.
-- Its tables are world.sql's, and not those of this project's migrations.
return { access_log = false, db_migrations = "" }
