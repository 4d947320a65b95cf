/* fnmatch(), which Windows lacks, as the module fnmatch of Python matches. A part of
   nt.h. */

#define FNM_NOESCAPE 0

/* Return what follows the first part of a pattern that is not *, if a byte matches that
   part, and else NULL. */
static const char *match_byte(const char *pattern, unsigned char byte)
{
    const unsigned char *at = (const unsigned char *)pattern + 1;
    const char *end;
    int is_other = *at == '!', is_found = 0;
    if (*pattern == '?')
        return pattern + 1;
    at += is_other;
    end = *pattern != '[' || *at == '\0' ? NULL : strchr((const char *)at + 1, ']');
    if (end == NULL)
        return (unsigned char)*pattern == byte ? pattern + 1 : NULL;
    for (; (const char *)at < end; at++)
        if (at[1] == '-' && (const char *)at + 2 < end) {
            is_found |= at[0] <= byte && byte <= at[2];
            at += 2;
        } else {
            is_found |= *at == byte;
        }
    return is_found != is_other ? end + 1 : NULL;
}

/* Return 0 if a name matches a pattern. */
static int fnmatch(const char *pattern, const char *name, int flags)
{
    const char *star = NULL, *from = NULL, *next;
    (void)flags;
    while (*name != '\0')
        if (*pattern == '*') {
            star = ++pattern;
            from = name;
        } else if (*pattern != '\0'
                   && (next = match_byte(pattern, (unsigned char)*name)) != NULL) {
            pattern = next;
            name++;
        } else if (star != NULL) { /* let the last * match one byte more */
            pattern = star;
            name = ++from;
        } else {
            return 1;
        }
    while (*pattern == '*')
        pattern++;
    return *pattern != '\0';
}
