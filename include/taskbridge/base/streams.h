/* Standard input, output and error of a program that was started without some of them. */
#ifndef TASKBRIDGE_BASE_STREAMS_H
#define TASKBRIDGE_BASE_STREAMS_H

#include "taskbridge/base/attributes.h"

/* Opens /dev/null in the place of each closed descriptor of 0 to 2, so that no socket becomes stderr. To be
 * called before anything else is opened. 0 or a negative errno. */
int tb_standard_streams_open(void) TB_MUST_CHECK;

#endif
