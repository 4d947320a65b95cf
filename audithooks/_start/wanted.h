/* What is wanted: lines of a name and a value. A part of start.c. */

struct words {
    char **at;
    size_t length;
};
static struct {
    char *text; /* the words of the others are in here */
    struct words show, hide, refuse, redact;
    const char *output, *python, *time;
    int json, apart, append, follow, processes, threads, color, secrets, environments;
    long long began; /* in nanoseconds */
    size_t longest;
} wanted;

static int add_word(struct words *words, char *word)
{
    char **more = realloc(words->at, (words->length + 1) * sizeof *more);
    if (more == NULL)
        return -1;
    more[words->length++] = word;
    words->at = more;
    return 0;
}

/* Read what is wanted. Return 0, or -1 with what is wrong in *wrong*. */
static int read_wanted(const char *text, char *wrong, size_t size)
{
    static const struct {
        const char *name;
        struct words *words;
        const char **value;
        int *flag;
    } known[] = {
        {"show", &wanted.show, NULL, NULL},
        {"hide", &wanted.hide, NULL, NULL},
        {"refuse", &wanted.refuse, NULL, NULL},
        {"redact", &wanted.redact, NULL, NULL},
        {"output", NULL, &wanted.output, NULL},
        {"python", NULL, &wanted.python, NULL},
        {"time", NULL, &wanted.time, NULL},
        {"json", NULL, NULL, &wanted.json},
        {"apart", NULL, NULL, &wanted.apart},
        {"append", NULL, NULL, &wanted.append},
        {"follow", NULL, NULL, &wanted.follow},
        {"processes", NULL, NULL, &wanted.processes},
        {"threads", NULL, NULL, &wanted.threads},
        {"color", NULL, NULL, &wanted.color},
        {"secrets", NULL, NULL, &wanted.secrets},
        {"environments", NULL, NULL, &wanted.environments},
    };
    size_t number;
    char *line, *next;

    free(wanted.text);
    free(wanted.show.at);
    free(wanted.hide.at);
    free(wanted.refuse.at);
    free(wanted.redact.at);
    memset(&wanted, 0, sizeof wanted);
    snprintf(wrong, size, "there is no memory");
    if ((wanted.text = strdup(text)) == NULL)
        return -1;
    for (line = wanted.text; line != NULL; line = next) {
        char *value, *end = "";
        if ((next = strchr(line, '\n')) != NULL)
            *next++ = '\0';
        if (*line == '\0' || *line == '#')
            continue;
        value = line + strcspn(line, " ");
        if (*value != '\0')
            *value++ = '\0';
        for (number = 0; number < sizeof known / sizeof *known; number++)
            if (strcmp(line, known[number].name) == 0)
                break;
        if (number < sizeof known / sizeof *known) {
            if ((known[number].flag == NULL) != (*value != '\0')) {
                snprintf(wrong, size, "%.100s must have %s value", line,
                         *value == '\0' ? "a" : "no");
                return -1;
            }
            if (known[number].flag != NULL)
                *known[number].flag = 1;
            else if (known[number].value != NULL)
                *known[number].value = value;
            else if (add_word(known[number].words, value) < 0)
                return -1;
        } else if (strcmp(line, "longest") == 0 || strcmp(line, "began") == 0) {
            long long found;
            errno = 0;
            found = strtoll(value, &end, 10);
            if (*value == '\0' || *end != '\0' || errno != 0 || found < 0) {
                snprintf(wrong, size, "%.100s must be a number from 0 on", line);
                return -1;
            }
            if (*line == 'l')
                wanted.longest = (size_t)found + 1; /* 0 means the default */
            else
                wanted.began = found;
        } else {
            snprintf(wrong, size, "there is no option %.100s", line);
            return -1;
        }
    }
    if (wanted.output == NULL) {
        snprintf(wrong, size, "output must be given");
        return -1;
    }
    if (wanted.time != NULL && strcmp(wanted.time, "absolute") != 0
        && strcmp(wanted.time, "relative") != 0 && strcmp(wanted.time, "delta") != 0) {
        snprintf(wrong, size, "time must be absolute, relative or delta");
        return -1;
    }
    wanted.longest = wanted.longest ? wanted.longest - 1 : wanted.json ? 1000 : 80;
    return 0;
}

static int is_among(const char *name, const struct words *patterns)
{
    size_t number;
    for (number = 0; number < patterns->length; number++) {
        const char *pattern = patterns->at[number];
        if (strpbrk(pattern, "*?[") == NULL ? strcmp(pattern, name) == 0
                                            : fnmatch(pattern, name, FNM_NOESCAPE) == 0)
            return 1;
    }
    return 0;
}
