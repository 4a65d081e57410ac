# src/http/pages/NAME.html and src/http/api/NAME.json become tb_page_NAME[] and its length: the generated pages.h and
# pages.c, for the layer http.
# Run as a script (cmake -DHTTP_DIR=... -DOUT_DIR=... -P embed.cmake) it writes them.
if(CMAKE_SCRIPT_MODE_FILE)
  file(GLOB pages ${HTTP_DIR}/pages/*.html ${HTTP_DIR}/api/*.json)
  list(SORT pages)
  set(declarations "/* Generated from src/http/pages/ and src/http/api/. */\n#ifndef TB_PAGES_H\n#define TB_PAGES_H\n\n#include <stddef.h>\n\n")
  set(definitions "/* Generated from src/http/pages/ and src/http/api/. */\n#include \"pages.h\"\n\n")
  foreach(page IN LISTS pages)
    get_filename_component(name "${page}" NAME_WE)
    file(READ "${page}" bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n    " bytes "${bytes}")
    string(APPEND declarations "extern const unsigned char tb_page_${name}[];\nextern const size_t tb_page_${name}_len;\n")
    string(APPEND definitions "const unsigned char tb_page_${name}[] = {\n    ${bytes}};\n"
      "const size_t tb_page_${name}_len = sizeof(tb_page_${name});\n")
  endforeach()
  file(WRITE ${OUT_DIR}/pages.h "${declarations}\n#endif\n")
  file(WRITE ${OUT_DIR}/pages.c "${definitions}")
elseif(TARGET tb_http)
  file(GLOB TB_PAGES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/http/pages/*.html ${CMAKE_SOURCE_DIR}/src/http/api/*.json)
  set(TB_PAGES_OUT ${CMAKE_BINARY_DIR}/generated/http)
  add_custom_command(
    OUTPUT ${TB_PAGES_OUT}/pages.h ${TB_PAGES_OUT}/pages.c
    COMMAND ${CMAKE_COMMAND} -DHTTP_DIR=${CMAKE_SOURCE_DIR}/src/http -DOUT_DIR=${TB_PAGES_OUT}
      -P ${CMAKE_SOURCE_DIR}/src/http/pages/embed.cmake
    DEPENDS ${TB_PAGES} ${CMAKE_SOURCE_DIR}/src/http/pages/embed.cmake
    VERBATIM)
  target_sources(tb_http PRIVATE ${TB_PAGES_OUT}/pages.c ${TB_PAGES_OUT}/pages.h)
  target_include_directories(tb_http PRIVATE ${TB_PAGES_OUT})
endif()
