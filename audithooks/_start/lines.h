/* The lines of events, as audithooks/tracer/text.py and audithooks/sinks/jsonlines.py
   write them. A part of start.c. */

static void put_clock(struct text *text, const struct tm *clock, long micros)
{
    put_number(text, clock->tm_hour, 2);
    put_byte(text, ':');
    put_number(text, clock->tm_min, 2);
    put_byte(text, ':');
    put_number(text, clock->tm_sec, 2);
    put_byte(text, '.');
    put_number(text, micros, 6);
}

static void put_time(struct text *text, long long now)
{
    time_t seconds = (time_t)(now / 1000000000);
    long micros = (long)(now % 1000000000 / 1000);
    struct tm clock;
    long long since;
    if (wanted.json) {
        gmtime_r(&seconds, &clock);
        puts_(text, "{\"time\":\"");
        put_number(text, clock.tm_year + 1900, 4);
        put_byte(text, '-');
        put_number(text, clock.tm_mon + 1, 2);
        put_byte(text, '-');
        put_number(text, clock.tm_mday, 2);
        put_byte(text, 'T');
        put_clock(text, &clock, micros);
        puts_(text, "Z\"");
        return;
    }
    if (wanted.color)
        puts_(text, "\x1b[2m");
    if (strcmp(wanted.time, "absolute") == 0) {
        localtime_r(&seconds, &clock);
        put_clock(text, &clock, micros);
    } else {
        since = strcmp(wanted.time, "delta") == 0 ? atomic_exchange(&last, now) : 0;
        putf(text, "%11.6f", (double)(now - (since ? since : wanted.began)) / 1e9);
    }
    puts_(text, wanted.color ? "\x1b[0m " : " ");
}

static void put_who(struct text *text)
{
    if (wanted.processes)
        putf(text, wanted.color ? "\x1b[2m%d\x1b[0m " : "%d ", (int)pid);
    if (wanted.threads) {
        char name[40] = "[MainThread]";
        if (!is_main_thread())
            snprintf(name, sizeof name, "[%llu]", (unsigned long long)this_thread());
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
    size_t longest = wanted.longest, tries = 0, most = out.most;
    int is_interrupted = 0;
    long long nanoseconds = time_ns();
    for (;; tries++) {
        begin_text(&text);
        begin_text(&cut);
        if (wanted.json) {
            put_time(&text, nanoseconds);
            if (number > 0) {
                puts_(&text, ",\"seq\":");
                put_number(&text, number, 1);
            }
            puts_(&text, ",\"pid\":");
            put_number(&text, pid, 1);
            puts_(&text, ",\"thread\":");
            put_number(&text, (long long)this_thread(), 1);
            if (number == 0) {
                puts_(&text, ",\"interpreter\":");
                put_number(&text, interpreter, 1);
            }
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
