/* What start.c has for programs that are linked with it. */

#ifndef AUDITHOOKS_START_H
#define AUDITHOOKS_START_H

/* Add the hook. *options* are lines such as "output /var/log/events.jsonl" and "json".
   Returns NULL, or what is wrong in words. */
const char *AuditHooks_StartWith(const char *options);

#endif
