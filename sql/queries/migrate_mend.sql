-- Takes away what is altered or not ours, so that the steps, which follow, make it anew.
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN SELECT d.statement FROM taskbridge_drift d WHERE d.fate = 'mend' AND d.statement <> '' LOOP
        EXECUTE statement;
    END LOOP;
END
$$
