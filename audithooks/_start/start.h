/* What start.c has for programs that are linked with it. */

#ifndef AUDITHOOKS_START_H
#define AUDITHOOKS_START_H

/* See audithooks.h. */
const char *AuditHooks_Start(const char *options);

#endif
