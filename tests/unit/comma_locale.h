/* A locale whose decimal point is a comma, compiled for the test, since no machine is sure to have one. */
#ifndef TASKBRIDGE_TESTS_COMMA_LOCALE_H
#define TASKBRIDGE_TESTS_COMMA_LOCALE_H

#include <fcntl.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Compiles the locale into directory/comma. localedef complains of what is not defined, and still writes the
 * rest. */
static inline void comma_locale_compile(const char *directory)
{
    pid_t child = fork();
    if (child == 0) {
        int quiet = open("/dev/null", O_RDWR);
        dup2(quiet, STDOUT_FILENO);
        dup2(quiet, STDERR_FILENO);
        if (chdir(directory) == 0)
            execlp("localedef", "localedef", "--force", "--no-archive", "-i", TB_FIXTURES "/locale/comma",
                   "-f", "UTF-8", "./comma", (char *)NULL);
        _exit(127);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

static inline void comma_locale_delete(const char *directory)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-r", directory, (char *)NULL);
        _exit(127);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

/* Makes it the locale of numbers; false where localedef lacks what it needs (Debian's package "locales"). */
static inline bool comma_locale_set(void)
{
    char directory[] = "comma-locale-XXXXXX";
    if (!mkdtemp(directory))
        return false;
    comma_locale_compile(directory);
    setenv("LOCPATH", directory, 1);
    bool set = setlocale(LC_NUMERIC, "comma") && localeconv()->decimal_point[0] == ',';
    unsetenv("LOCPATH");
    comma_locale_delete(directory);
    return set;
}

#endif
