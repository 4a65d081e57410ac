/* Included before every file by the build: functions that truncate silently, overflow, or keep hidden state.
 */
#ifndef TASKBRIDGE_BASE_BANNED_H
#define TASKBRIDGE_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol atof gmtime localtime asctime ctime gets  \
    strncpy strncat

#endif
