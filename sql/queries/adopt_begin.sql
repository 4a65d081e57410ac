-- Makes adopt_source, the product's table under our names and types, and adopt_rows, which a batch of it is put into as
-- facts, so that the generated columns tell what people would see of them. Both are this session's own.
DO $$
DECLARE
    source regclass := to_regclass(current_setting('taskbridge.adopt_table'));
    map jsonb := current_setting('taskbridge.adopt_map')::jsonb;
    wanted record;
    found name;
    type record;
    list text := '';
    mapped record;
BEGIN
    IF source IS NULL THEN
        RAISE EXCEPTION 'there is no table %', current_setting('taskbridge.adopt_table');
    END IF;
    IF (SELECT relnamespace FROM pg_class WHERE oid = source)
            = quote_ident(current_setting('taskbridge.schema'))::regnamespace THEN
        RAISE EXCEPTION '% is a table of taskbridge''s own: name the product''s with its schema, as public.%', source,
            current_setting('taskbridge.adopt_table');
    END IF;
    IF NOT has_table_privilege(source, 'SELECT') AND NOT has_any_column_privilege(source, 'SELECT') THEN
        RAISE EXCEPTION 'the role % may not read it: GRANT SELECT ON % TO %;', current_user, source,
            quote_ident(current_user);
    END IF;
    FOR mapped IN SELECT key, value FROM jsonb_each_text(map) LOOP
        IF NOT EXISTS (SELECT FROM pg_attribute
                       WHERE attrelid = source AND attname = mapped.key AND attnum > 0 AND NOT attisdropped) THEN
            RAISE EXCEPTION '--map %=%: % has no such column', mapped.key, mapped.value, source;
        END IF;
    END LOOP;

    FOR wanted IN SELECT * FROM (VALUES
        ('id', '', 'key', true), ('task_id', '', 'text', true), ('company_id', '', 'text', true),
        ('task_name', '', 'text', false), ('display_name', '', 'text', false), ('status', '', 'text', true),
        ('progress', '', 'number', false), ('started_at', '', 'stamp', false), ('completed_at', '', 'stamp', false),
        ('error_message', '', 'text', false), ('metadata', '', 'json', false), ('created_at', 'created', 'stamp', true),
        ('updated_at', 'modified', 'stamp', false)) AS w (name, alias, kind, is_needed)
    LOOP
        SELECT a.attname INTO found FROM pg_attribute a
        WHERE a.attrelid = source AND a.attnum > 0 AND NOT a.attisdropped
            AND (map ->> a.attname = wanted.name
                 OR NOT map ? a.attname AND NOT EXISTS (SELECT FROM jsonb_each_text(map) WHERE value = wanted.name)
                    AND a.attname IN (wanted.name, wanted.alias))
        ORDER BY a.attname = wanted.name DESC LIMIT 1;
        IF found IS NULL AND wanted.is_needed THEN
            RAISE EXCEPTION '% has no column %; say which has it: --map COLUMN=%', source, wanted.name, wanted.name;
        END IF;
        SELECT t.typcategory AS category, t.oid::regtype::text AS name INTO type
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = source AND a.attname = found;
        IF wanted.kind = 'number' AND type.category <> 'N'
                OR wanted.kind = 'stamp' AND type.name NOT LIKE 'timestamp%' THEN
            RAISE EXCEPTION 'the column % of % is a %, not a %', found, source, type.name,
                CASE wanted.kind WHEN 'number' THEN 'number' ELSE 'timestamp' END;
        END IF;
        IF wanted.kind = 'stamp' AND type.name = 'timestamp without time zone'
                AND current_setting('taskbridge.adopt_zone') = '' THEN
            RAISE EXCEPTION 'the column % of % has no time zone: say of which its times are (Django''s TIME_ZONE): '
                            '--time-zone America/Santiago', found, source;
        END IF;
        list := concat_ws(', ', nullif(list, ''), CASE
            WHEN found IS NULL THEN
                format('NULL::%s AS %I',
                       CASE wanted.kind WHEN 'number' THEN 'double precision' WHEN 'stamp' THEN 'timestamptz'
                           WHEN 'json' THEN 'jsonb' ELSE 'text' END, wanted.name)
            WHEN wanted.kind = 'key' THEN format('%I AS id', found)
            WHEN wanted.kind = 'text' THEN format('%I::text AS %I', found, wanted.name)
            WHEN wanted.kind = 'number' THEN format('%I::double precision AS %I', found, wanted.name)
            WHEN wanted.kind = 'stamp' THEN format('%I::timestamptz AS %I', found, wanted.name)
            WHEN type.name = 'jsonb' THEN format('%I AS metadata', found)
            ELSE format('dead_letter_headers(%I::text) AS metadata', found) END);
    END LOOP;

    DROP VIEW IF EXISTS pg_temp.adopt_source;
    EXECUTE format('CREATE TEMP VIEW adopt_source AS SELECT %s FROM %s', list, source);
    DROP TABLE IF EXISTS pg_temp.adopt_rows;
    CREATE TEMP TABLE adopt_rows (LIKE background_task_trackers INCLUDING DEFAULTS INCLUDING GENERATED);
    ALTER TABLE adopt_rows ALTER id DROP NOT NULL, ALTER task_id DROP NOT NULL, ALTER created_at DROP NOT NULL,
        ALTER updated_at DROP NOT NULL,
        ADD old_id text, ADD old_place bigint, ADD old_rank bigint, ADD old_company text, ADD old_status text,
        ADD old_progress double precision, ADD old_started_at timestamptz, ADD old_completed_at timestamptz,
        ADD old_error text, ADD reason text;
END
$$
