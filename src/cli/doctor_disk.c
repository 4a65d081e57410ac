/* How much room the database's disks have, where that can be seen at all.
 *
 * PostgreSQL does not tell. So this looks only when the server is on this machine beyond doubt: it is reached
 * by its own address or by a local socket, and the process that serves our session is one of this machine's
 * and calls itself postgres. In every other case the room is not known, and that is said: the disk of the
 * wrong machine would be worse. */
#include "doctor_facts.h"

#include "taskbridge/base/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_BYTES (4 * TB_KIB)

/* Reads a file of /proc; returns its length, 0 when it can't be read. A NUL is put behind it. */
static size_t read_proc(int64_t pid, const char *name, char *ret_text, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%" PRId64 "/%s", pid, name);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(ret_text, 1, size - 1, file) : 0;
    if (file)
        fclose(file);
    ret_text[len] = '\0';
    return len;
}

static bool is_local(const struct tb_doctor_server *server)
{
    char title[PATH_BYTES];
    if (!tb_str_is_null(server->host) && !tb_str_equal(server->host, server->client_host))
        return false;
    size_t len = read_proc(server->backend_pid, "cmdline", title, sizeof(title));
    struct tb_str text = {title, len};
    /* "postgres: user database 127.0.0.1(5000) SELECT" */
    return tb_str_starts_with(text, TB_STR("postgres: ")) && tb_str_find(text, server->role) != SIZE_MAX &&
           tb_str_find(text, server->database) != SIZE_MAX;
}

static int64_t find_parent(int64_t pid)
{
    char status[PATH_BYTES];
    long parent = 0;
    read_proc(pid, "status", status, sizeof(status));
    const char *line = strstr(status, "\nPPid:");
    return line && sscanf(line, "\nPPid: %ld", &parent) == 1 ? parent : 0;
}

/* What stands behind -D on the postmaster's command line. */
static bool find_directory_argument(int64_t postmaster, char *ret_path)
{
    char words[PATH_BYTES];
    size_t len = read_proc(postmaster, "cmdline", words, sizeof(words));
    for (const char *word = words; word < words + len; word += strlen(word) + 1) {
        const char *next = word + strlen(word) + 1;
        if (strcmp(word, "-D") == 0 && next < words + len && next[0] == '/') {
            snprintf(ret_path, PATH_BYTES, "%s", next);
            return true;
        }
    }
    return false;
}

/* false when it is told neither by the server nor by its process. */
static bool find_data_directory(const struct tb_doctor_server *server, char *ret_path)
{
    char link[64];
    if (!tb_str_is_null(server->data_directory)) {
        snprintf(ret_path, PATH_BYTES, "%.*s", TB_STR_FMT(server->data_directory));
        return true;
    }
    if (find_directory_argument(find_parent(server->backend_pid), ret_path))
        return true;
    snprintf(link, sizeof(link), "/proc/%" PRId64 "/cwd", server->backend_pid);
    ssize_t len = readlink(link, ret_path, PATH_BYTES - 1);
    if (len <= 0)
        return false;
    ret_path[len] = '\0';
    return true;
}

/* Takes the place into account. */
static void look_at(const char *path, struct tb_arena *arena, struct tb_doctor_disk *disk)
{
    struct statvfs room;
    if (statvfs(path, &room) != 0) {
        if (!disk->problem)
            disk->problem = tb_doctor_keep(arena, tb_str_of(strerrordesc_np(errno)));
        return;
    }
    int64_t total = (int64_t)room.f_blocks * (int64_t)room.f_frsize;
    int64_t left = (int64_t)room.f_bavail * (int64_t)room.f_frsize;
    bool is_first = !disk->place;
    if (total > 0 &&
        (is_first || (double)left / (double)total < (double)disk->free_bytes / (double)disk->total_bytes)) {
        disk->place = tb_doctor_keep(arena, tb_str_of(path));
        disk->free_bytes = left;
        disk->total_bytes = total;
    }
}

void tb_doctor_ask_disk(const struct tb_doctor_server *server, struct tb_arena *arena,
                        struct tb_doctor_disk *ret_disk)
{
    char path[PATH_BYTES], wal[PATH_BYTES + 8];
    *ret_disk = (struct tb_doctor_disk){.problem = NULL};
    if (!is_local(server)) {
        ret_disk->problem = "the server's disk can't be seen from here";
        return;
    }
    if (!find_data_directory(server, path)) {
        ret_disk->problem = "where the server's data lies is not known";
        return;
    }
    look_at(path, arena, ret_disk);
    snprintf(wal, sizeof(wal), "%s/pg_wal", path);
    look_at(wal, arena, ret_disk);
    for (struct tb_str rest = server->places; rest.len > 0;) {
        size_t end = tb_str_find(rest, TB_STR("\n"));
        size_t len = end == SIZE_MAX ? rest.len : end;
        snprintf(path, sizeof(path), "%.*s", (int)len, rest.ptr);
        look_at(path, arena, ret_disk);
        rest.ptr += len < rest.len ? len + 1 : len;
        rest.len -= len < rest.len ? len + 1 : len;
    }
    /* What could be seen tells enough, unless that was nothing. */
    if (ret_disk->place)
        ret_disk->problem = NULL;
}
