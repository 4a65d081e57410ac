-- The second half of http_listen.sql: a statement is one command.
LISTEN taskbridge_access
