/* Runs a fuzz target over the files of a corpus, one after the other: in every normal test run, without
 * libFuzzer. Directories are read whole; words that begin with '-' are libFuzzer's and skipped. A corpus
 * without a file is an error: it would test nothing. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    /* Of exactly its size, so that a sanitizer sees a read behind the end. */
    uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
    size_t len = bytes && size > 0 ? fread(bytes, 1, (size_t)size, file) : 0;
    fclose(file);
    int result = bytes ? LLVMFuzzerTestOneInput(bytes, len) : -1;
    free(bytes);
    return result;
}

/* The number of files run, or -1. */
static int run_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    int count = 0;
    for (struct dirent *entry = readdir(directory); entry && count >= 0; entry = readdir(directory)) {
        char file[4096];
        if (entry->d_name[0] == '.')
            continue;
        int len = snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        count = len < (int)sizeof(file) && run_file(file) == 0 ? count + 1 : -1;
    }
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-')
            continue;
        int count = run_directory(argv[i]);
        if (count < 0)
            return EXIT_FAILURE;
        total += count;
    }
    printf("%d files\n", total);
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
