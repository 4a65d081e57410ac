# Every .sql file is embedded: sql/session/NAME.sql, of the layer pg, and sql/queries/NAME.sql and sql/roles.sql, of the
# layer store, as `const struct tb_query tb_query_NAME`; sql/migrations/NNNN_NAME.sql as an entry of tb_migrations[].

# tb_embed_sql(LAYER OUTPUT DIRECTORIES...): the generated OUTPUT.h and OUTPUT.c, for that layer alone.
function(tb_embed_sql layer output)
  if(NOT TARGET tb_${layer})
    return()
  endif()
  set(files "")
  foreach(directory ${ARGN})
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/sql/${directory}/*.sql)
    list(APPEND files ${found})
  endforeach()
  set(out ${CMAKE_BINARY_DIR}/generated/${layer})
  list(JOIN ARGN "," directories)
  add_custom_command(
    OUTPUT ${out}/${output}.h ${out}/${output}.c
    COMMAND ${CMAKE_COMMAND} -DSQL_DIR=${CMAKE_SOURCE_DIR}/sql -DDIRECTORIES=${directories} -DOUT_DIR=${out}
      -DOUTPUT=${output} -P ${CMAKE_SOURCE_DIR}/sql/generate.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/sql/generate.cmake
    VERBATIM)
  target_sources(tb_${layer} PRIVATE ${out}/${output}.c ${out}/${output}.h)
  target_include_directories(tb_${layer} PRIVATE ${out})
endfunction()

tb_embed_sql(pg tb_session_sql session)
tb_embed_sql(store tb_sql queries . migrations)
