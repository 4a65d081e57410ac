# sql/queries/NAME.sql becomes `const struct tb_query tb_query_NAME`, sql/migrations/NNNN_NAME.sql an entry of
# tb_migrations[]: the generated tb_sql.h and tb_sql.c, for the layer store alone.
if(TARGET tb_store)
  file(GLOB TB_SQL_FILES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/sql/queries/*.sql
    ${CMAKE_SOURCE_DIR}/sql/migrations/*.sql)
  set(TB_SQL_OUT ${CMAKE_BINARY_DIR}/generated/store)
  add_custom_command(
    OUTPUT ${TB_SQL_OUT}/tb_sql.h ${TB_SQL_OUT}/tb_sql.c
    COMMAND ${CMAKE_COMMAND} -DSQL_DIR=${CMAKE_SOURCE_DIR}/sql -DOUT_DIR=${TB_SQL_OUT}
      -P ${CMAKE_SOURCE_DIR}/sql/generate.cmake
    DEPENDS ${TB_SQL_FILES} ${CMAKE_SOURCE_DIR}/sql/generate.cmake
    VERBATIM)
  target_sources(tb_store PRIVATE ${TB_SQL_OUT}/tb_sql.c ${TB_SQL_OUT}/tb_sql.h)
  target_include_directories(tb_store PRIVATE ${TB_SQL_OUT})
endif()
