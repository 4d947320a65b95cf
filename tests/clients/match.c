/* Prints, for each two lines of stdin, a pattern and a name, whether they match. */

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "match.h"

int main(void)
{
    char pattern[100], name[100];
    while (fgets(pattern, sizeof pattern, stdin) && fgets(name, sizeof name, stdin)) {
        pattern[strcspn(pattern, "\n")] = name[strcspn(name, "\n")] = '\0';
        putchar(fnmatch(pattern, name, FNM_NOESCAPE) == 0 ? '1' : '0');
    }
    return 0;
}
