-- What is there now is what belongs there.
WITH gone AS (
    DELETE FROM taskbridge_objects o
    WHERE NOT EXISTS (SELECT FROM taskbridge_catalogue c WHERE (c.kind, c.name) = (o.kind, o.name))
)
INSERT INTO taskbridge_objects AS o (kind, name, definition, words, server_version)
SELECT kind, name, definition, words, current_setting('server_version_num')::int / 10000 FROM taskbridge_catalogue
ON CONFLICT (kind, name) DO UPDATE SET
    definition = excluded.definition, words = excluded.words, server_version = excluded.server_version
WHERE (o.definition, o.server_version) <> (excluded.definition, excluded.server_version)
    OR o.words IS DISTINCT FROM excluded.words
