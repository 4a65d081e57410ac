/* One of sql/migrations/, embedded at build: an entry of tb_migrations[] in the generated tb_sql.h. */
#ifndef TASKBRIDGE_STORE_MIGRATION_H
#define TASKBRIDGE_STORE_MIGRATION_H

struct tb_migration {
    int number;       /* from 1, without a gap */
    const char *name; /* "0001_trackers" */
    const char *sql;
};

#endif
