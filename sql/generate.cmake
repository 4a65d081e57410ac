# cmake -DSQL_DIR=... -DOUT_DIR=... -P generate.cmake: writes tb_sql.h and tb_sql.c out of the .sql files.

function(as_c_string path ret_text)
  file(READ ${path} text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
  set(${ret_text} "\"${text}\"" PARENT_SCOPE)
endfunction()

file(GLOB queries ${SQL_DIR}/queries/*.sql)
list(SORT queries)
set(declarations "")
set(definitions "")
foreach(path IN LISTS queries)
  get_filename_component(name "${path}" NAME_WE)
  as_c_string("${path}" text)
  string(APPEND declarations "extern const struct tb_query tb_query_${name};\n")
  string(APPEND definitions "const struct tb_query tb_query_${name} = {\"${name}\",\n    ${text}};\n")
endforeach()

file(GLOB migrations ${SQL_DIR}/migrations/*.sql)
list(SORT migrations)
set(entries "")
foreach(path IN LISTS migrations)
  get_filename_component(name "${path}" NAME_WE)
  if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z_]+$")
    message(FATAL_ERROR "${path}: a migration's name is NNNN_name.sql")
  endif()
  math(EXPR number "1${CMAKE_MATCH_1} - 10000")
  as_c_string("${path}" text)
  string(APPEND entries "    {${number}, \"${name}\",\n    ${text}},\n")
endforeach()

file(WRITE ${OUT_DIR}/tb_sql.h.new "/* Generated from sql/. */
#ifndef TB_SQL_H
#define TB_SQL_H

#include \"migration.h\"
#include \"taskbridge/store/connection.h\"

extern const struct tb_migration tb_migrations[];
extern const size_t tb_migration_count;

${declarations}
#endif
")
file(WRITE ${OUT_DIR}/tb_sql.c.new "/* Generated from sql/. */
#include \"tb_sql.h\"

const struct tb_migration tb_migrations[] = {
${entries}};
const size_t tb_migration_count = sizeof(tb_migrations) / sizeof(tb_migrations[0]);

${definitions}")
foreach(name tb_sql.h tb_sql.c)
  file(COPY_FILE ${OUT_DIR}/${name}.new ${OUT_DIR}/${name} ONLY_IF_DIFFERENT)
  file(TOUCH_NOCREATE ${OUT_DIR}/${name})
endforeach()
