/* A request's head out of any bytes: no byte outside is read, and what is taken lies in them. */
#include "engine/head.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tb_str bytes = {(const char *)data, size};
    const char *wrong = "";
    struct tb_head head;

    if (size == 0 || tb_head_parse(bytes, &head, &wrong) != 0)
        return 0;
    assert(head.len <= size && head.path.ptr >= bytes.ptr &&
           head.path.ptr + head.path.len <= bytes.ptr + head.len);
    for (size_t i = 0; i < head.field_count; i++)
        assert(head.fields[i].value.ptr + head.fields[i].value.len <= bytes.ptr + head.len);
    return 0;
}
