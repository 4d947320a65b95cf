/* The arguments of events as text and as JSON, as audithooks/records/ has them. A part
   of start.c. */

static const struct known {
    const char *name, *color, *arguments; /* of those first what they may hold */
} known[] = {
#include "events.h"
};

#define HIDDEN "[redacted]"
enum { MOST_DEPTH = 8, MOST_PATH = 4096, MOST_BEYOND = 1000, MOST_ARGUMENTS = 64 };

struct shown {
    struct text *text;
    int json, kind, is_path, is_cut, is_interrupted;
    size_t room;
};

/* Some characters: of a str, maybe copied, or of ASCII. */
struct characters {
    PyObject *str;
    const char *ascii;
    size_t length;
    const uint32_t *copy;
};
enum { MOST_COPIED = 2048 };

static inline uint32_t character(const struct characters *from, size_t place)
{
    if (from->copy != NULL)
        return from->copy[place];
    return from->str == NULL ? (unsigned char)from->ascii[place]
                             : py.PyUnicode_ReadChar(from->str, (ssize_t)place);
}

static int has(const struct characters *from, size_t length, const char *what)
{
    size_t place, offset, size = strlen(what);
    if (from->str == NULL)
        return memmem(from->ascii, length, what, size) != NULL;
    for (place = 0; place + size <= length; place++) {
        if (from->copy != NULL) {
            const uint32_t *found = find_code(from->copy + place, (unsigned char)*what,
                                              length - place);
            if (found == NULL)
                return 0;
            place = (size_t)(found - from->copy);
        }
        for (offset = 0; offset < size && place + offset < length; offset++)
            if (character(from, place + offset) != (unsigned char)what[offset])
                break;
        if (offset == size)
            return 1;
    }
    return 0;
}

/* Whether the tracer might hide something of a text: rather too often. Of a repr(), which
   is *marked*, it hides what has the name of a secret. */
static int may_be_secret(const struct shown *shown, const struct characters *from,
                         int marked)
{
    size_t some = shown->room + MOST_BEYOND;
    if (wanted.secrets)
        return 0;
    if (some > from->length)
        some = from->length;
    if ((shown->kind == 'n' || marked)
        && (has(from, some, "=") || has(from, some, ":") || has(from, some, "</")))
        return 1;
    return has(from, some, "@") && (shown->kind == 'h' || has(from, some, "://"));
}

static int has_secret_name(const struct characters *from)
{
    static const char *const words[] = {"pass", "secret", "token", "credential", "auth",
        "jwt", "key", "signature", "sess", "pwd", "otp", "cookie"};
    char lower[201];
    size_t place = 0, number, start = from->length > 200 ? from->length - 200 : 0;
    for (; place < 200 && start + place < from->length; place++) {
        uint32_t c = character(from, start + place);
        lower[place] = (char)(c < 'A' || c > 'z' ? '_' : c | 0x20);
    }
    lower[place] = '\0';
    for (number = 0; number < sizeof words / sizeof *words; number++)
        if (strstr(lower, words[number]) != NULL)
            return 1;
    return 0;
}

static void put_hidden(const struct shown *shown)
{
    puts_(shown->text, shown->json ? "\"" HIDDEN "\"" : "'" HIDDEN "'");
}

static void put_characters(struct text *text, const struct characters *from, size_t place,
                           size_t end, int how)
{
    if (from->copy != NULL && text->size - text->length >= end - place) {
        char *at = text->at + text->length; /* most are written as they are */
        for (; place < end && is_plain(from->copy[place]); place++)
            *at++ = (char)from->copy[place];
        text->length = (size_t)(at - text->at);
    }
    for (; place < end; place++)
        put_character(text, character(from, place), how);
}

/* Write a text of at most the room that is left. *beyond* characters were cut before. A
   text that is *marked* is no str: it is written without quotes. */
static void put_text(struct shown *shown, const struct characters *from, size_t beyond,
                     int marked)
{
    int how = shown->json ? JSON : marked ? PLAIN : QUOTE;
    size_t place, before = from->length, behind = from->length, more;
    if (shown->is_path && shown->room < from->length && from->length <= MOST_PATH
        && shown->room - shown->room / 3 >= 2) {
        before = shown->room / 3;
        behind = from->length - (shown->room - before);
    } else if (before > shown->room) {
        before = shown->room;
    }
    more = behind - before + (behind == from->length ? beyond : 0);
    if (how == QUOTE) {
        int single = 0, twice = 0;
        for (place = 0; place < from->length; place++)
            if (place < before || place >= behind) {
                single |= character(from, place) == '\'';
                twice |= character(from, place) == '"';
            }
        how = single && !twice ? DOUBLE : QUOTE;
    }
    if (how != PLAIN)
        puts_(shown->text, how == QUOTE ? "'" : "\"");
    put_characters(shown->text, from, 0, before, how);
    if (more > 0) {
        shown->is_cut = 1;
        puts_(shown->text, "\xe2\x80\xa6 (");
        put_number(shown->text, (long long)more, 1);
        puts_(shown->text, " more)");
    }
    if (behind < from->length) {
        puts_(shown->text, " \xe2\x80\xa6");
        put_characters(shown->text, from, behind, from->length, how);
    }
    if (how != PLAIN)
        puts_(shown->text, how == QUOTE ? "'" : "\"");
    shown->room -= before + (from->length - behind);
}

static void put_ascii(struct shown *shown, const char *ascii, size_t length,
                      size_t beyond)
{
    struct characters from = {NULL, ascii, length, NULL};
    put_text(shown, &from, beyond, 1);
}

static void put_str(struct shown *shown, PyObject *str, int marked)
{
    struct characters from = {str, NULL, (size_t)py.PyUnicode_GetLength(str), NULL};
    uint32_t copy[MOST_COPIED];
    if (from.length <= MOST_COPIED
        && py.PyUnicode_AsUCS4(str, copy, (ssize_t)from.length, 0) != NULL)
        from.copy = copy;
    if (may_be_secret(shown, &from, marked))
        put_hidden(shown);
    else
        put_text(shown, &from, 0, marked);
}

static void put_bytes(struct shown *shown, const char *bytes, size_t length)
{
    struct characters from = {NULL, bytes, length, NULL};
    struct text repr;
    size_t some = length, place;
    int how;
    if (may_be_secret(shown, &from, 0)) {
        put_hidden(shown);
        return;
    }
    if (some > shown->room && !(shown->is_path && length <= MOST_PATH))
        some = shown->room;
    how = memchr(bytes, '\'', some) != NULL && memchr(bytes, '"', some) == NULL ? DOUBLE
                                                                                : QUOTE;
    begin_text(&repr);
    puts_(&repr, how == QUOTE ? "b'" : "b\"");
    for (place = 0; place < some; place++) {
        unsigned char c = (unsigned char)bytes[place];
        if (c < 0x7f)
            put_character(&repr, c, how);
        else
            put_hex(&repr, c);
    }
    puts_(&repr, how == QUOTE ? "'" : "\"");
    shown->text->failed |= repr.failed;
    put_ascii(shown, repr.at, repr.length, length - some);
    end_text(&repr);
}

static void put_value(struct shown *shown, PyObject *value, int depth);

/* Let go of an error of Python code, but not of Ctrl-C. */
static void clear_error(struct shown *shown)
{
    if (py.PyErr_Occurred() == NULL)
        return;
    if (py.PyErr_ExceptionMatches(*py.PyExc_KeyboardInterrupt))
        shown->is_interrupted = 1;
    else
        py.PyErr_Clear();
}

static void put_other(struct shown *shown, PyObject *value, PyObject *type)
{
    PyObject *told = NULL;
    char some[40];
    if (py.PyType_IsSubtype(type, py.PyUnicode_Type)) {
        put_str(shown, value, 1);
        return;
    }
    /* Before that, a repr() may run into what is not there yet. */
    if (!shown->is_interrupted && (type == py.PyCode_Type || py.Py_IsInitialized())) {
        /* To ask a type that has none is slow, and most are of these. */
        if (type != py.PyType_Type && type != py.PyFunction_Type && type != py.PyCode_Type
            && py.PyObject_HasAttrString(type, "__fspath__"))
            told = py.PyOS_FSPath(value);
        else
            told = py.PyObject_Repr(value);
        clear_error(shown);
    }
    if (told != NULL) {
        type = py.PyObject_Type(told);
        if (type == py.PyUnicode_Type)
            put_str(shown, told, 1);
        else
            put_value(shown, told, MOST_DEPTH);
        py.Py_DecRef(type);
        py.Py_DecRef(told);
        return;
    }
    snprintf(some, sizeof some, "<object at %p>", (void *)value);
    put_ascii(shown, some, strlen(some), 0);
}

/* Whether some items are a name and a secret, as a header may be. */
static int is_secret_pair(PyObject *items, ssize_t length)
{
    struct characters from = {NULL, NULL, 0, NULL};
    PyObject *name, *type;
    int found = 0;
    if (length != 2 || wanted.secrets)
        return 0;
    name = py.PyTuple_GetItem(items, 0);
    type = py.PyObject_Type(name);
    if (type == py.PyUnicode_Type) {
        from.str = name;
        from.length = (size_t)py.PyUnicode_GetLength(name);
        found = has_secret_name(&from);
    } else if (type == py.PyBytes_Type) {
        char *bytes;
        ssize_t size;
        if (py.PyBytes_AsStringAndSize(name, &bytes, &size) == 0) {
            from.ascii = bytes;
            from.length = (size_t)size;
            found = has_secret_name(&from);
        }
    }
    py.Py_DecRef(type);
    return found;
}

static void put_items(struct shown *shown, PyObject *value, int depth, int is_dict)
{
    /* A copy, as another thread may change it. */
    PyObject *items = is_dict ? py.PyDict_Items(value) : value, *tuple;
    ssize_t length, number;
    int is_pair;
    tuple = items == NULL ? NULL : py.PySequence_Tuple(items);
    if (is_dict && items != NULL)
        py.Py_DecRef(items);
    if (tuple == NULL) {
        clear_error(shown);
        shown->is_cut = 1;
        puts_(shown->text, is_dict ? "{}" : "[]");
        return;
    }
    length = py.PyTuple_Size(tuple);
    is_pair = !is_dict && is_secret_pair(tuple, length);
    puts_(shown->text, is_dict ? "{" : "[");
    for (number = 0; number < length; number++) {
        PyObject *item = py.PyTuple_GetItem(tuple, number), *type;
        if (shown->room == 0 || depth == MOST_DEPTH) {
            shown->is_cut = 1;
            break;
        }
        shown->room--;
        if (number > 0)
            puts_(shown->text, shown->json ? "," : ", ");
        if (!is_dict) {
            if (is_pair && number == 1)
                put_hidden(shown);
            else
                put_value(shown, item, depth + 1);
            continue;
        }
        /* A key is a text; what is none is not worth a repr() here. */
        type = py.PyObject_Type(py.PyTuple_GetItem(item, 0));
        if (type == py.PyUnicode_Type) {
            PyObject *key = py.PyTuple_GetItem(item, 0);
            struct characters from = {key, NULL, (size_t)py.PyUnicode_GetLength(key),
                                      NULL};
            put_text(shown, &from, 0, 0);
            puts_(shown->text, shown->json ? ":" : ": ");
            if (!wanted.secrets && has_secret_name(&from))
                put_hidden(shown);
            else
                put_value(shown, py.PyTuple_GetItem(item, 1), depth + 1);
        } else {
            putf(shown->text, shown->json ? "\"%lld\":" : "'%lld': ", (long long)number);
            put_hidden(shown);
        }
        py.Py_DecRef(type);
    }
    puts_(shown->text, is_dict ? "}" : "]");
    py.Py_DecRef(tuple);
}

static void put_int(struct shown *shown, PyObject *value)
{
    int overflow;
    long long number = py.PyLong_AsLongLongAndOverflow(value, &overflow);
    PyObject *hex;
    if (overflow == 0) {
        put_number(shown->text, number, 1);
        return;
    }
    hex = py.PyNumber_ToBase(value, 16); /* str() limits the number of digits */
    if (hex == NULL) {
        clear_error(shown);
        puts_(shown->text, shown->json ? "null" : "None");
        return;
    }
    put_str(shown, hex, 0);
    py.Py_DecRef(hex);
}

static void put_float(struct shown *shown, PyObject *value, PyObject *type)
{
    double number = py.PyFloat_AsDouble(value);
    char some[40];
    int digits;
    if (number - number != 0) { /* not finite */
        put_other(shown, value, type);
        return;
    }
    for (digits = 1; digits < 17; digits++) { /* the shortest that is the same number */
        snprintf(some, sizeof some, "%.*g", digits, number);
        if (strtod(some, NULL) == number)
            break;
    }
    snprintf(some, sizeof some, "%.*g", digits, number);
    puts_(shown->text, some);
    if (strpbrk(some, ".e") == NULL)
        puts_(shown->text, ".0");
}

static void put_value(struct shown *shown, PyObject *value, int depth)
{
    PyObject *type = py.PyObject_Type(value);
    if (value == py.none)
        puts_(shown->text, shown->json ? "null" : "None");
    else if (type == py.PyBool_Type)
        puts_(shown->text, value == py.true_ ? shown->json ? "true" : "True"
                           : shown->json     ? "false"
                                             : "False");
    else if (type == py.PyLong_Type)
        put_int(shown, value);
    else if (type == py.PyFloat_Type)
        put_float(shown, value, type);
    else if (shown->kind == 'x' || shown->kind == 'e')
        put_hidden(shown);
    else if (type == py.PyUnicode_Type)
        put_str(shown, value, 0);
    else if (type == py.PyBytes_Type) {
        char *bytes;
        ssize_t length;
        if (py.PyBytes_AsStringAndSize(value, &bytes, &length) == 0)
            put_bytes(shown, bytes, (size_t)length);
    } else if (type == py.PyTuple_Type || type == py.PyList_Type
               || ((type == py.PySet_Type || type == py.PyFrozenSet_Type)
                   && py.Py_IsInitialized()))
        put_items(shown, value, depth, 0);
    else if (type == py.PyDict_Type)
        put_items(shown, value, depth, 1);
    else
        put_other(shown, value, type);
    py.Py_DecRef(type);
}

/* Write the flags of open() as people do. */
static int put_flags(struct text *text, PyObject *value)
{
    static const struct {
        long long flag;
        const char *name;
    } flags[] = {
#define FLAG(name) {name, "|" #name},
        OPEN_FLAGS(FLAG)
#undef FLAG
    };
    int overflow;
    size_t number;
    long long rest = py.PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0 || rest < 0 || (rest & O_ACCMODE) == O_ACCMODE)
        return 0;
    puts_(text, (rest & O_ACCMODE) == O_RDONLY   ? "O_RDONLY"
                : (rest & O_ACCMODE) == O_WRONLY ? "O_WRONLY"
                                                 : "O_RDWR");
    rest -= rest & O_ACCMODE;
    for (number = 0; number < sizeof flags / sizeof *flags; number++)
        if ((rest & flags[number].flag) == flags[number].flag) {
            puts_(text, flags[number].name);
            rest -= flags[number].flag;
        }
    if (rest != 0)
        putf(text, "|0x%llx", rest);
    return 1;
}

/* Write a number of an argument as people do; return 0 if it is none of those. */
static int put_readable(struct text *text, const char *event, const char *name,
                        size_t length, PyObject *value)
{
    PyObject *type = py.PyObject_Type(value);
    int is_int = type == py.PyLong_Type, overflow;
    long long number;
    py.Py_DecRef(type);
    if (!is_int)
        return 0;
    if (strcmp(event, "open") == 0 && length == 5 && memcmp(name, "flags", 5) == 0)
        return put_flags(text, value);
    number = py.PyLong_AsLongLongAndOverflow(value, &overflow);
    if ((strcmp(event, "os.chmod") == 0 || strcmp(event, "os.mkdir") == 0)
        && length == 4 && memcmp(name, "mode", 4) == 0 && overflow == 0 && number >= 0) {
        putf(text, "0o%03llo", number);
        return 1;
    }
    return 0;
}

static int is_left_out(const char *name, size_t length, PyObject *value)
{
    PyObject *type;
    int overflow, is_int;
    if (length < 6 || memcmp(name + length - 6, "dir_fd", 6) != 0)
        return 0;
    type = py.PyObject_Type(value);
    is_int = type == py.PyLong_Type;
    py.Py_DecRef(type);
    return is_int && py.PyLong_AsLongLongAndOverflow(value, &overflow) == -1;
}

static int is_redacted(const char *event, const char *name, size_t length)
{
    char full[512];
    size_t number;
    if (wanted.redact.length == 0)
        return 0;
    snprintf(full, sizeof full, "%.200s.%.*s", event, (int)(length > 200 ? 200 : length),
             name);
    for (number = 0; number < wanted.redact.length; number++) {
        char any[512];
        snprintf(any, sizeof any, "*.%.500s", wanted.redact.at[number]);
        if (fnmatch(wanted.redact.at[number], full, FNM_NOESCAPE) == 0
            || fnmatch(any, full, FNM_NOESCAPE) == 0)
            return 1;
    }
    return 0;
}

static int compare(const void *name, const void *entry)
{
    return strcmp(name, ((const struct known *)entry)->name);
}

static const struct known *find_known(const char *event)
{
    return bsearch(event, known, sizeof known / sizeof *known, sizeof *known, compare);
}

/* Write the arguments of an event, and to *cut* the names of those that were cut. */
static int put_arguments(struct text *text, struct text *cut, const char *event,
                         const struct known *entry, PyObject *args, size_t longest)
{
    const char *names = entry == NULL ? "" : entry->arguments;
    ssize_t length = args == NULL ? 0 : py.PyTuple_Size(args), number;
    /* Of an import, text shows the module and the file, not where all imports look. */
    ssize_t most = !wanted.json && strcmp(event, "import") == 0 ? 2 : MOST_ARGUMENTS;
    int is_first = 1, is_interrupted = 0;
    for (number = 0; number < length && number < most; number++) {
        struct shown shown = {text, wanted.json, 'n', 0, 0, is_interrupted, longest};
        PyObject *value = py.PyTuple_GetItem(args, number), *type;
        char by_place[24];
        const char *name = by_place;
        size_t size;
        int is_known = *names != '\0';
        if (is_known) {
            shown.kind = *names++;
            if ((shown.is_path = *names == '/'))
                names++;
            name = names;
            size = strcspn(names, " ");
            names += size + (names[size] == ' ');
        } else {
            size = (size_t)snprintf(by_place, sizeof by_place, "arg%zd", number);
        }
        if (wanted.secrets && shown.kind == 'x')
            shown.kind = 'n';
        if (wanted.environments && shown.kind == 'e')
            shown.kind = 'n';
        if (!wanted.json && is_left_out(name, size, value))
            continue;
        if (!is_first)
            puts_(text, wanted.json ? "," : ", ");
        is_first = 0;
        if (wanted.json)
            put_byte(text, '"');
        if (wanted.json || is_known) {
            put(text, name, size);
            puts_(text, wanted.json ? "\":" : "=");
        }
        if (is_redacted(event, name, size))
            put_hidden(&shown);
        else if (wanted.json || !put_readable(text, event, name, size, value))
            put_value(&shown, value, 0);
        is_interrupted = shown.is_interrupted;
        if (!shown.is_cut)
            continue;
        if (wanted.json) {
            puts_(cut, cut->length ? ",\"" : "\"");
            put(cut, name, size);
            put_byte(cut, '"');
            continue;
        }
        type = py.PyObject_Type(value);
        if (type == py.PyList_Type || type == py.PyTuple_Type || type == py.PyDict_Type
            || type == py.PySet_Type || type == py.PyFrozenSet_Type)
            puts_(text, "\xe2\x80\xa6");
        py.Py_DecRef(type);
    }
    if (number < length) {
        if (wanted.json)
            putf(cut, "%s\"...\"", cut->length ? "," : "");
        else
            puts_(text, ", ...");
    }
    return is_interrupted;
}
