/* The lines of a file, in the file's order, shuffled, or twice each.
 *
 * The file is mapped, not read: a capture may be larger than memory, and shuffled lines are visited in any
 * order. */
#include "lines.h"

#include "taskbridge/base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map_file(struct tb_lines *lines, int fd)
{
    struct stat file;
    if (fstat(fd, &file))
        return -errno;
    if (!S_ISREG(file.st_mode))
        return S_ISDIR(file.st_mode) ? -EISDIR : -ESPIPE;
    lines->text_bytes = (size_t)file.st_size;
    if (lines->text_bytes == 0)
        return 0;
    void *text = mmap(NULL, lines->text_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED)
        return -errno;
    lines->text = text;
    return 0;
}

/* The length of the line at offset, without its line feed. */
static size_t line_len(const struct tb_lines *lines, size_t offset)
{
    const char *end = memchr(lines->text + offset, '\n', lines->text_bytes - offset);
    return end ? (size_t)(end - lines->text) - offset : lines->text_bytes - offset;
}

/* Counts the lines that are not empty, or with lines->lines there fills them in. */
static size_t visit_lines(struct tb_lines *lines)
{
    size_t count = 0, number = 1;
    for (size_t offset = 0; offset < lines->text_bytes; number++) {
        size_t len = line_len(lines, offset);
        struct tb_str line = tb_str_trim((struct tb_str){lines->text + offset, len});
        if (line.len > 0 && lines->lines) {
            lines->lines[count] = line;
            lines->numbers[count] = number;
        }
        count += line.len > 0;
        offset += len + 1;
    }
    return count;
}

int tb_lines_open(struct tb_lines *lines, const char *path, struct tb_error *err)
{
    *lines = (struct tb_lines){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int problem = fd < 0 ? -errno : map_file(lines, fd);
    if (fd >= 0)
        close(fd);
    if (problem)
        return tb_error_set_errno(err, problem, "reading %s", path);
    size_t count = visit_lines(lines);
    lines->lines = calloc(count + 1, sizeof(*lines->lines));
    lines->numbers = calloc(count + 1, sizeof(*lines->numbers));
    if (!lines->lines || !lines->numbers)
        return tb_error_set_errno(err, -ENOMEM, "reading %s", path);
    lines->count = visit_lines(lines);
    return 0;
}

void tb_lines_deinit(struct tb_lines *lines)
{
    if (lines->text)
        munmap((void *)(uintptr_t)lines->text, lines->text_bytes);
    free(lines->lines);
    free(lines->numbers);
    *lines = (struct tb_lines){0};
}

int tb_lines_double(struct tb_lines *lines)
{
    struct tb_str *twice = reallocarray(lines->lines, 2 * lines->count + 1, sizeof(*twice));
    if (!twice)
        return -ENOMEM;
    lines->lines = twice;
    size_t *numbers = reallocarray(lines->numbers, 2 * lines->count + 1, sizeof(*numbers));
    if (!numbers)
        return -ENOMEM;
    lines->numbers = numbers;
    for (size_t i = lines->count; i > 0; i--) {
        twice[2 * i - 1] = twice[2 * i - 2] = twice[i - 1];
        numbers[2 * i - 1] = numbers[2 * i - 2] = numbers[i - 1];
    }
    lines->count *= 2;
    return 0;
}

void tb_lines_shuffle(struct tb_lines *lines, uint64_t seed)
{
    for (size_t i = lines->count; i > 1; i--) {
        size_t other = (size_t)(tb_random_next(&seed) % i);
        struct tb_str line = lines->lines[i - 1];
        size_t number = lines->numbers[i - 1];
        lines->lines[i - 1] = lines->lines[other];
        lines->numbers[i - 1] = lines->numbers[other];
        lines->lines[other] = line;
        lines->numbers[other] = number;
    }
}
