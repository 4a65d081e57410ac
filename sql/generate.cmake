# cmake -DSQL_DIR=... -DDIRECTORIES=queries,migrations -DOUT_DIR=... -DOUTPUT=tb_sql -P generate.cmake: writes OUTPUT.h
# and OUTPUT.c out of the .sql files.

function(as_c_string path ret_text)
  file(READ ${path} text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
  set(${ret_text} "\"${text}\"" PARENT_SCOPE)
endfunction()

set(includes "#include \"taskbridge/pg/connection.h\"\n")
set(declarations "")
set(definitions "")
string(REPLACE "," ";" DIRECTORIES "${DIRECTORIES}")
foreach(directory IN LISTS DIRECTORIES)
  file(GLOB files ${SQL_DIR}/${directory}/*.sql)
  list(SORT files)
  if(directory STREQUAL "migrations")
    string(PREPEND includes "#include \"admin/migration.h\"\n")
    string(APPEND declarations "extern const struct tb_migration tb_migrations[];\nextern const size_t tb_migration_count;\n")
    string(APPEND definitions "const struct tb_migration tb_migrations[] = {\n")
  endif()
  foreach(path IN LISTS files)
    get_filename_component(name "${path}" NAME_WE)
    as_c_string("${path}" text)
    if(NOT directory STREQUAL "migrations")
      string(APPEND declarations "extern const struct tb_query tb_query_${name};\n")
      string(APPEND definitions "const struct tb_query tb_query_${name} = {\"${name}\",\n    ${text}};\n")
      continue()
    endif()
    if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z_]+$")
      message(FATAL_ERROR "${path}: a migration's name is NNNN_name.sql")
    endif()
    math(EXPR number "1${CMAKE_MATCH_1} - 10000")
    string(APPEND definitions "    {${number}, \"${name}\",\n    ${text}},\n")
  endforeach()
  if(directory STREQUAL "migrations")
    string(APPEND definitions "};\nconst size_t tb_migration_count = sizeof(tb_migrations) / sizeof(tb_migrations[0]);\n")
  endif()
endforeach()

string(TOUPPER ${OUTPUT} guard)
file(WRITE ${OUT_DIR}/${OUTPUT}.h.new "/* Generated from sql/. */
#ifndef ${guard}_H
#define ${guard}_H

${includes}
${declarations}
#endif
")
file(WRITE ${OUT_DIR}/${OUTPUT}.c.new "/* Generated from sql/. */
#include \"${OUTPUT}.h\"

${definitions}")
foreach(name ${OUTPUT}.h ${OUTPUT}.c)
  file(COPY_FILE ${OUT_DIR}/${name}.new ${OUT_DIR}/${name} ONLY_IF_DIFFERENT)
  file(TOUCH_NOCREATE ${OUT_DIR}/${name})
endforeach()
