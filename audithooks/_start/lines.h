/* The lines of events, as audithooks/tracer/text.py and audithooks/sinks/jsonlines.py
   write them. A part of start.c. */

static void put_time(struct text *text, long long now)
{
    time_t seconds = (time_t)(now / 1000000000);
    long micros = (long)(now % 1000000000 / 1000);
    struct tm clock;
    char some[40];
    long long since;
    if (wanted.json) {
        gmtime_r(&seconds, &clock);
        strftime(some, sizeof some, "%Y-%m-%dT%H:%M:%S", &clock);
        putf(text, "{\"time\":\"%s.%06ldZ\"", some, micros);
    } else if (strcmp(wanted.time, "absolute") == 0) {
        localtime_r(&seconds, &clock);
        strftime(some, sizeof some, "%H:%M:%S", &clock);
        snprintf(some + 8, sizeof some - 8, ".%06ld", micros);
    } else {
        since = strcmp(wanted.time, "delta") == 0 ? atomic_exchange(&last, now) : 0;
        snprintf(some, sizeof some, "%11.6f",
                 (double)(now - (since ? since : wanted.began)) / 1e9);
    }
    if (!wanted.json)
        putf(text, wanted.color ? "\x1b[2m%s\x1b[0m " : "%s ", some);
}

static void put_who(struct text *text)
{
    if (wanted.processes)
        putf(text, wanted.color ? "\x1b[2m%d\x1b[0m " : "%d ", (int)pid);
    if (wanted.threads) {
        char name[40] = "[MainThread]";
        if (syscall(SYS_gettid) != pid)
            snprintf(name, sizeof name, "[%lu]", (unsigned long)pthread_self());
        putf(text, wanted.color ? "\x1b[2m%s\x1b[0m " : "%s ", name);
    }
}

/* Write the line of an event. *number* is that of the event, or 0 if it has none, as in
   another *interpreter* than that which the tracer has. Return -1 if there was Ctrl-C. */
static int show(const char *event, PyObject *args, long long number, int64_t interpreter,
                const char *action)
{
    const struct known *entry = find_known(event);
    struct text text, cut;
    struct timespec now;
    size_t longest = wanted.longest, tries = 0, most = out.most;
    int is_interrupted = 0;
    long long nanoseconds;
    clock_gettime(CLOCK_REALTIME, &now);
    nanoseconds = now.tv_sec * 1000000000LL + now.tv_nsec;
    for (;; tries++) {
        begin_text(&text);
        begin_text(&cut);
        if (wanted.json) {
            put_time(&text, nanoseconds);
            if (number > 0)
                putf(&text, ",\"seq\":%lld", number);
            putf(&text, ",\"pid\":%d,\"thread\":%lu", (int)pid,
                 (unsigned long)pthread_self());
            if (number == 0)
                putf(&text, ",\"interpreter\":%lld", (long long)interpreter);
            puts_(&text, ",\"event\":\"");
            put_name(&text, event, 200, JSON);
            puts_(&text, "\",\"args\":{");
        } else {
            if (wanted.time != NULL)
                put_time(&text, nanoseconds);
            put_who(&text);
            if (wanted.color)
                putf(&text, "\x1b[%sm", entry == NULL ? "1" : entry->color);
            put_name(&text, event, SIZE_MAX, PLAIN);
            puts_(&text, wanted.color ? "\x1b[0m(" : "(");
        }
        if (tries < 3)
            is_interrupted = put_arguments(&text, &cut, event, entry, args, longest);
        else
            puts_(&cut, "\"...\"");
        if (wanted.json) {
            puts_(&text, "}");
            if (cut.length > 0) {
                puts_(&text, ",\"cut\":[");
                put(&text, cut.at, cut.length);
                puts_(&text, "]");
            }
            if (action != NULL)
                putf(&text, ",\"action\":\"%s\"", action);
            puts_(&text, "}\n");
        } else {
            puts_(&text, ")");
            if (text.length + 32 > most) { /* cut it where a character begins */
                text.length = most - 32;
                while (text.length > 0 && (text.at[text.length] & 0xc0) == 0x80)
                    text.length--;
            }
            if (action != NULL)
                putf(&text, wanted.color ? " = \x1b[1;31m%s\x1b[0m" : " = %s", action);
            puts_(&text, "\n");
        }
        if (text.failed || cut.failed)
            atomic_fetch_add(&left_out, 1);
        else if (!wanted.json || text.length <= most || tries == 3) {
            write_line(text.at, text.length);
        } else {
            longest = tries == 0 ? wanted.longest / 8 : 0;
            end_text(&text);
            end_text(&cut);
            continue;
        }
        end_text(&text);
        end_text(&cut);
        return is_interrupted ? -1 : 0;
    }
}

/* Set in the number of the last event as soon as the tracer counts on. */
#define CLOSED (1LL << 62)

/* Return the number of an event, or 0 if it is not of those that are counted here. */
static long long next_number(void)
{
    long long number = atomic_load(&sequence);
    do
        if (number & CLOSED)
            return 0;
    while (!atomic_compare_exchange_weak(&sequence, &number, number + 1));
    return number + 1;
}

static void show_left_out(void)
{
    long long number = atomic_exchange(&left_out, 0);
    PyObject *args;
    if (number == 0)
        return;
    args = py.Py_BuildValue("(sL)", "*", number);
    if (args == NULL) {
        py.PyErr_Clear();
        atomic_fetch_add(&left_out, number);
        return;
    }
    show("audithooks.left_out", args, next_number(), 0, NULL);
    py.Py_DecRef(args);
}
