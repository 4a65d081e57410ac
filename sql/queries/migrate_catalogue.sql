-- What is there, and what is not as it should be, for whoever migrates or looks.

-- One line an object. definition says what matters in a form that no version of PostgreSQL changes; words is the
-- server's own rendering. Every session looks names up in this schema alone, so all read the same words.
CREATE OR REPLACE VIEW taskbridge_catalogue AS
WITH here AS (
    SELECT relnamespace AS id FROM pg_class WHERE oid = 'taskbridge_migrations'::regclass
), relations AS (
    SELECT c.* FROM pg_class c JOIN here ON c.relnamespace = here.id
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT starts_with(c.relname::text, 'taskbridge_')
        AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
)
SELECT CASE WHEN relkind IN ('r', 'p') THEN 'table' ELSE 'view' END AS kind, relname::text AS name,
    concat_ws(' ', relkind, relpersistence, CASE WHEN relrowsecurity THEN 'row security' END,
              CASE WHEN relforcerowsecurity THEN 'forced' END) AS definition,
    CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END AS words
FROM relations
UNION ALL
SELECT 'column', c.relname || '.' || a.attname,
    concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
              CASE WHEN a.attidentity <> '' THEN 'identity ' || a.attidentity::text END,
              CASE WHEN a.attgenerated <> '' THEN 'generated ' || a.attgenerated::text END,
              CASE WHEN a.attcollation <> t.typcollation THEN 'collate ' || l.collname END,
              CASE WHEN a.atthasdef THEN 'default' END),
    pg_get_expr(d.adbin, d.adrelid)
FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p')
UNION ALL
SELECT 'index', i.relname,
    concat_ws(' ', 'on', c.relname, am.amname, CASE WHEN x.indisunique THEN 'unique' END,
              CASE WHEN NOT x.indisvalid THEN 'invalid' END,
              (SELECT string_agg(coalesce(a.attname, 'expression'), ',' ORDER BY k.place)
               FROM unnest(x.indkey::int2[]) WITH ORDINALITY k (number, place)
               LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.number),
              CASE WHEN x.indpred IS NOT NULL THEN 'partial' END),
    pg_get_indexdef(i.oid)
FROM relations c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_am am ON am.oid = i.relam
UNION ALL
SELECT 'constraint', c.relname || '.' || n.conname,
    n.contype::text || CASE WHEN n.convalidated THEN '' ELSE ' not valid' END,
    pg_get_constraintdef(n.oid)
FROM relations c JOIN pg_constraint n ON n.conrelid = c.oid AND n.contype IN ('c', 'p', 'u', 'f', 'x')
UNION ALL
SELECT 'function', p.oid::regprocedure::text,
    concat_ws(' ', pg_get_function_result(p.oid), p.prokind, l.lanname, p.provolatile, p.proparallel, p.proisstrict,
              CASE WHEN p.prosecdef THEN 'security definer' END, array_to_string(p.proconfig, '; '),
              encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex')),
    pg_get_function_arguments(p.oid)
FROM pg_proc p JOIN here ON p.pronamespace = here.id JOIN pg_language l ON l.oid = p.prolang
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT 'policy', c.relname || '.' || p.polname,
    concat_ws(' ', p.polcmd, CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, 'to',
              (SELECT string_agg(CASE WHEN r.id = 0 THEN 'public' ELSE pg_get_userbyid(r.id) END, ',' ORDER BY r.id)
               FROM unnest(p.polroles) r (id))),
    concat_ws(' check ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
FROM relations c JOIN pg_policy p ON p.polrelid = c.oid
UNION ALL
SELECT 'trigger', c.relname || '.' || t.tgname,
    concat_ws(' ', t.tgtype, t.tgenabled, f.proname), pg_get_triggerdef(t.oid)
FROM relations c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal JOIN pg_proc f ON f.oid = t.tgfoid
UNION ALL
SELECT 'rule', c.relname || '.' || r.rulename, r.ev_type::text || r.ev_enabled::text, pg_get_ruledef(r.oid)
FROM relations c JOIN pg_rewrite r ON r.ev_class = c.oid AND r.rulename <> '_RETURN';

-- What is not as the last step left it: 'missing', 'altered', or 'foreign': not ours, and such that it changes what our
-- tables say or who reads them. Other tables, columns and indexes are nobody's harm. fate says who can put it right:
-- 'mend' (migrate, after this statement where there is one), 'lost' (a table, whose rows are gone), 'hand' (a person).
CREATE OR REPLACE VIEW taskbridge_drift AS
WITH differing AS (
    SELECT kind, name, o.words,
        CASE WHEN kind = 'index' THEN split_part(coalesce(o.definition, c.definition), ' ', 2)
             ELSE split_part(name, '.', 1) END AS relation, substr(name, strpos(name, '.') + 1) AS part,
        CASE WHEN o.kind IS NULL THEN 'foreign' WHEN c.kind IS NULL THEN 'missing' ELSE 'altered' END AS how
    FROM taskbridge_objects o FULL JOIN taskbridge_catalogue c USING (kind, name)
    WHERE o.kind IS NULL OR c.kind IS NULL OR o.definition <> c.definition
        OR o.server_version = current_setting('server_version_num')::int / 10000 AND o.words IS DISTINCT FROM c.words
), ours AS (
    SELECT d.*,
        EXISTS (SELECT FROM taskbridge_objects t WHERE t.kind = 'table' AND t.name = d.relation) AS is_ours,
        EXISTS (SELECT FROM taskbridge_catalogue t WHERE t.kind = 'table' AND t.name = d.relation) AS is_there
    FROM differing d
)
SELECT kind, name, how,
    CASE WHEN kind = 'table' AND how = 'missing' THEN 'lost'
         WHEN kind = 'table' AND (SELECT o.definition = replace(c.definition, ' row security', '') || ' row security'
                                  FROM taskbridge_objects o JOIN taskbridge_catalogue c USING (kind, name)
                                  WHERE o.kind = ours.kind AND o.name = ours.name) THEN 'mend'
         WHEN kind IN ('table', 'column') THEN 'hand'
         ELSE 'mend' END AS fate,
    CASE WHEN kind = 'constraint' THEN
            concat_ws('; ',
                      CASE WHEN how = 'altered' THEN format('ALTER TABLE %I DROP CONSTRAINT %I', relation, part) END,
                      CASE WHEN is_there THEN format('ALTER TABLE %I ADD CONSTRAINT %I %s', relation, part, words) END)
         WHEN how = 'missing' THEN NULL
         WHEN kind IN ('policy', 'trigger', 'rule') THEN format('DROP %s %I ON %I', kind, part, relation)
         WHEN kind = 'view' THEN format('DROP VIEW %I', name)
         WHEN kind = 'index' THEN format('DROP INDEX %I', name) END AS statement
FROM ours
WHERE CASE WHEN how = 'foreign' THEN kind IN ('policy', 'trigger', 'rule') AND is_ours
           WHEN how = 'missing' AND kind IN ('column', 'index', 'constraint', 'policy', 'trigger', 'rule') THEN is_there
           ELSE true END
ORDER BY array_position(ARRAY['table', 'column', 'view', 'function', 'index', 'constraint'], kind), name
