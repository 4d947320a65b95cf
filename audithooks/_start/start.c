/* Audit events from before the interpreter is there, as lines of the tracer.

   PySys_AddAuditHook() is called before the runtime is initialised. As a library that is
   preloaded, this does so by itself, in every process whose Python exports that function,
   and follows what such a process starts; see audithooks/tracer/starting.py. In a program
   that embeds Python, AuditHooks_Start() of audithooks.h does so.

   One binary serves every CPython from 3.8 on: nothing is known of Python.h, and each
   function is looked up by its name. Arguments may hold secrets, so what cannot be told
   apart without the rest of audithooks is hidden as a whole. */

#define _GNU_SOURCE
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "start.h"

#define EXPORTED __attribute__((visibility("default")))

/* ---- Python, by the names of its functions ---- */

typedef struct python_object PyObject;
typedef int (*Hook)(const char *, PyObject *, void *);
typedef struct {
    void *ctx;
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
    void (*free)(void *, void *);
} Allocator;
enum { RAW = 0, FILE_INPUT = 257 };

#define FUNCTIONS(X) \
    X(int, PySys_AddAuditHook, (Hook, void *)) \
    X(void, PyMem_GetAllocator, (int, Allocator *)) \
    X(void, PyMem_SetAllocator, (int, Allocator *)) \
    X(int, Py_IsInitialized, (void)) \
    X(void, Py_DecRef, (PyObject *)) \
    X(void, Py_IncRef, (PyObject *)) \
    X(PyObject *, PyObject_Type, (PyObject *)) \
    X(PyObject *, PyObject_Repr, (PyObject *)) \
    X(int, PyObject_HasAttrString, (PyObject *, const char *)) \
    X(int, PyType_IsSubtype, (PyObject *, PyObject *)) \
    X(PyObject *, PyOS_FSPath, (PyObject *)) \
    X(ssize_t, PyTuple_Size, (PyObject *)) \
    X(PyObject *, PyTuple_GetItem, (PyObject *, ssize_t)) \
    X(PyObject *, PySequence_Tuple, (PyObject *)) \
    X(PyObject *, PyDict_Items, (PyObject *)) \
    X(PyObject *, PyDict_New, (void)) \
    X(int, PyDict_SetItemString, (PyObject *, const char *, PyObject *)) \
    X(ssize_t, PyUnicode_GetLength, (PyObject *)) \
    X(uint32_t, PyUnicode_ReadChar, (PyObject *, ssize_t)) \
    X(uint32_t *, PyUnicode_AsUCS4, (PyObject *, uint32_t *, ssize_t, int)) \
    X(PyObject *, PyUnicode_DecodeFSDefault, (const char *)) \
    X(int, PyBytes_AsStringAndSize, (PyObject *, char **, ssize_t *)) \
    X(PyObject *, PyLong_FromLongLong, (long long)) \
    X(long long, PyLong_AsLongLongAndOverflow, (PyObject *, int *)) \
    X(PyObject *, PyNumber_ToBase, (PyObject *, int)) \
    X(double, PyFloat_AsDouble, (PyObject *)) \
    X(PyObject *, Py_BuildValue, (const char *, ...)) \
    X(PyObject *, Py_CompileString, (const char *, const char *, int)) \
    X(PyObject *, PyEval_EvalCode, (PyObject *, PyObject *, PyObject *)) \
    X(PyObject *, PyEval_GetBuiltins, (void)) \
    X(PyObject *, PyEval_GetFrame, (void)) \
    X(void, PyErr_SetObject, (PyObject *, PyObject *)) \
    X(PyObject *, PyErr_Occurred, (void)) \
    X(int, PyErr_ExceptionMatches, (PyObject *)) \
    X(void, PyErr_Clear, (void))
#define OPTIONAL(X) \
    X(PyObject *, PyInterpreterState_Get, (void)) /* from 3.9 on */ \
    X(int64_t, PyInterpreterState_GetID, (PyObject *)) \
    X(int, Py_IsFinalizing, (void)) /* from 3.13 on */ \
    X(int, _Py_IsFinalizing, (void)) \
    X(int, _PyUnicode_IsPrintable, (uint32_t))
#define TYPES(X) \
    X(PyUnicode_Type) X(PyLong_Type) X(PyBool_Type) X(PyFloat_Type) X(PyBytes_Type) \
    X(PyTuple_Type) X(PyList_Type) X(PySet_Type) X(PyFrozenSet_Type) X(PyDict_Type) \
    X(PyCode_Type)
#define EXCEPTIONS(X) \
    X(PyExc_PermissionError) X(PyExc_InterruptedError) X(PyExc_KeyboardInterrupt)

static struct {
#define FIELD(result, name, arguments) result (*name) arguments;
    FUNCTIONS(FIELD)
    OPTIONAL(FIELD)
#undef FIELD
#define FIELD(name) PyObject *name;
    TYPES(FIELD)
#undef FIELD
#define FIELD(name) PyObject **name;
    EXCEPTIONS(FIELD)
#undef FIELD
    PyObject *none, *true_;
} py;

/* Return the name that this process lacks, or NULL. */
static const char *find_python(void)
{
    void *found;
#define FIND(name) \
    if ((found = dlsym(RTLD_DEFAULT, #name)) == NULL) \
        return #name; \
    memcpy(&py.name, &found, sizeof found);
#define FIND_FUNCTION(result, name, arguments) FIND(name)
    FUNCTIONS(FIND_FUNCTION)
    TYPES(FIND)
    EXCEPTIONS(FIND)
#define FIND_OPTIONAL(result, name, arguments) \
    found = dlsym(RTLD_DEFAULT, #name); \
    memcpy(&py.name, &found, sizeof found);
    OPTIONAL(FIND_OPTIONAL)
    py.none = dlsym(RTLD_DEFAULT, "_Py_NoneStruct");
    py.true_ = dlsym(RTLD_DEFAULT, "_Py_TrueStruct");
    return py.none == NULL || py.true_ == NULL ? "_Py_NoneStruct" : NULL;
}

/* ---- what is wanted: lines of a name and a value ---- */

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

/* ---- text that grows ---- */

struct text {
    char *at;
    size_t length, size;
    int failed;
    char first[4096];
};

static void begin_text(struct text *text)
{
    text->at = text->first;
    text->size = sizeof text->first;
    text->length = 0;
    text->failed = 0;
}

static void end_text(struct text *text)
{
    if (text->at != text->first)
        free(text->at);
}

static void put(struct text *text, const char *bytes, size_t length)
{
    if (text->failed)
        return;
    if (text->length + length > text->size) {
        size_t size = 2 * (text->length + length);
        char *more = malloc(size);
        if (more == NULL) {
            text->failed = 1;
            return;
        }
        memcpy(more, text->at, text->length);
        end_text(text);
        text->at = more;
        text->size = size;
    }
    memcpy(text->at + text->length, bytes, length);
    text->length += length;
}

static inline void put_byte(struct text *text, int byte)
{
    char one = (char)byte;
    if (text->length < text->size)
        text->at[text->length++] = one;
    else
        put(text, &one, 1);
}

static void put_escape(struct text *text, int letter)
{
    put_byte(text, '\\');
    put_byte(text, letter);
}

static void put_hex(struct text *text, unsigned byte)
{
    static const char digits[] = "0123456789abcdef";
    put_escape(text, 'x');
    put_byte(text, digits[byte >> 4 & 15]);
    put_byte(text, digits[byte & 15]);
}

static void puts_(struct text *text, const char *string)
{
    put(text, string, strlen(string));
}

static void __attribute__((format(printf, 2, 3)))
putf(struct text *text, const char *format, ...)
{
    char some[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(some, sizeof some, format, arguments);
    va_end(arguments);
    puts_(text, some);
}

static void put_utf8(struct text *text, uint32_t c)
{
    char bytes[4];
    int length, place;
    if (c < 0x80) {
        put_byte(text, (int)c);
        return;
    }
    length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (place = length - 1; place > 0; place--, c >>= 6)
        bytes[place] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)((0xf00u >> length & 0xff) | c);
    put(text, bytes, (size_t)length);
}

/* How characters are written: within the quotes of JSON, within those of Python, or as
   they are, as far as they can be printed. */
enum { JSON = '"', PLAIN = 0, QUOTE = '\'', DOUBLE = 'd' };

static void put_special(struct text *text, uint32_t c, int how)
{
    if (c >= 0xd800 && c < 0xe000) { /* a surrogate that is alone */
        putf(text, how == PLAIN ? "\\u%04x" : "\\\\u%04x", (unsigned)c);
        return;
    }
    if (how == JSON) {
        static const char named[] = "\b\f\n\r\t", letters[] = "bfnrt";
        const char *found = c != 0 && c < 0x20 ? strchr(named, (int)c) : NULL;
        if (found != NULL)
            put_escape(text, letters[found - named]);
        else if (c < 0x20 || c == 0x85 || c == 0x2028 || c == 0x2029)
            putf(text, "\\u%04x", (unsigned)c);
        else if (c == '"' || c == '\\')
            put_escape(text, (int)c);
        else
            put_utf8(text, c);
        return;
    }
    if (how != PLAIN && (c == '\\' || c == (how == DOUBLE ? '"' : '\'')))
        put_escape(text, (int)c);
    else if (c == '\n' || c == '\r' || c == '\t')
        put_escape(text, c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (c < 0x20 || c == 0x7f)
        put_hex(text, c);
    else if (c < 0x7f
             || (py._PyUnicode_IsPrintable != NULL && py._PyUnicode_IsPrintable(c)))
        put_utf8(text, c);
    else
        putf(text, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x",
             (unsigned)c);
}

static inline void put_character(struct text *text, uint32_t c, int how)
{
    if (c >= 0x20 && c < 0x7f && c != '\\' && c != '"' && c != '\'')
        put_byte(text, (int)c);
    else
        put_special(text, c, how);
}

static void put_name(struct text *text, const char *name, size_t most, int how)
{
    for (; *name != '\0' && most > 0; name++, most--)
        if ((unsigned char)*name < 0x80)
            put_character(text, (unsigned char)*name, how);
        else
            put(text, name, 1); /* it is UTF-8 */
}

/* ---- arguments, as records/ of audithooks has them ---- */

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
        for (offset = 0; offset < size; offset++)
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
    for (place = 0; place < before; place++)
        put_character(shown->text, character(from, place), how);
    if (more > 0) {
        shown->is_cut = 1;
        putf(shown->text, "\xe2\x80\xa6 (%zu more)", more);
    }
    if (behind < from->length) {
        puts_(shown->text, " \xe2\x80\xa6");
        for (place = behind; place < from->length; place++)
            put_character(shown->text, character(from, place), how);
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
        if (py.PyObject_HasAttrString(type, "__fspath__"))
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
            putf(shown->text, shown->json ? "\"%zd\":" : "'%zd': ", number);
            put_hidden(shown);
        }
        py.Py_DecRef(type);
    }
    puts_(shown->text, is_dict ? "}" : "]");
    py.Py_DecRef(tuple);
}

static void put_number(struct shown *shown, PyObject *value)
{
    int overflow;
    long long number = py.PyLong_AsLongLongAndOverflow(value, &overflow);
    PyObject *hex;
    if (overflow == 0) {
        putf(shown->text, "%lld", number);
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
        put_number(shown, value);
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
        FLAG(O_SYNC) FLAG(O_TMPFILE) FLAG(O_CREAT) FLAG(O_EXCL) FLAG(O_NOCTTY)
        FLAG(O_TRUNC) FLAG(O_APPEND) FLAG(O_NONBLOCK) FLAG(O_DSYNC) FLAG(O_ASYNC)
        FLAG(O_DIRECT) FLAG(O_DIRECTORY) FLAG(O_NOFOLLOW) FLAG(O_NOATIME)
        FLAG(O_CLOEXEC) FLAG(O_PATH)
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
    int is_first = 1, is_interrupted = 0;
    for (number = 0; number < length && number < MOST_ARGUMENTS; number++) {
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
            putf(text, "\"%.*s\":", (int)size, name);
        else if (is_known)
            putf(text, "%.*s=", (int)size, name);
        if (is_redacted(event, name, size))
            put_hidden(&shown);
        else if (wanted.json || !put_readable(text, event, name, size, value))
            put_value(&shown, value, 0);
        is_interrupted = shown.is_interrupted;
        if (!shown.is_cut)
            continue;
        if (wanted.json) {
            putf(cut, "%s\"%.*s\"", cut->length ? "," : "", (int)size, name);
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

/* ---- the output ---- */

enum { STILL = 2000000000 }; /* nanoseconds that the clock of a file system may be late */

static struct {
    int fd, is_pipe, is_over, is_torn, has_stderr;
    int failure; /* an errno that nobody was told of yet */
    dev_t device;
    ino_t inode;
    size_t most; /* bytes that stay together in one write */
    char path[PATH_MAX];
} out = {.fd = -1};
static atomic_int lock;
static atomic_llong sequence, left_out, last;
static pid_t pid, first_pid;

static void complain(const char *what, int error)
{
    char line[512];
    int length = snprintf(line, sizeof line, "audithooks: %s: [Errno %d] %s\n", what,
                          error, strerror(error));
    if (out.has_stderr && length > 0 && write(2, line, (size_t)length) < 0)
        return; /* there is none any more */
}

static int is_there(int fd)
{
    struct stat found;
    return fd >= 0 && fstat(fd, &found) == 0 && found.st_dev == out.device
        && found.st_ino == out.inode;
}

/* Return the descriptor that the output is, or -1 if it is a path. */
static int given(void)
{
    return wanted.output[0] == '&' ? atoi(wanted.output + 1) : -1;
}

/* Duplicate to a high number: a program that closes what it does not know opens its own
   files with the lowest. */
static int duplicate(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 960);
    if (high < 0 && errno == EINVAL)
        high = fcntl(fd, F_DUPFD_CLOEXEC, 200);
    if (high < 0 && errno == EINVAL)
        high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return high;
}

static int open_path(const char *path)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags, 0666), high, error;
    if (fd < 0)
        return -1;
    high = fcntl(fd, F_SETFL, O_APPEND) < 0 ? -1 : duplicate(fd);
    error = errno;
    close(fd);
    errno = error;
    return high;
}

/* Open the output, or open it again. Return 0, or -1 with errno. */
static int open_output(void)
{
    int is_new = out.path[0] == '\0' && out.device == 0 && out.inode == 0, fd;
    int is_given = given() >= 0;
    struct stat found;
    if (is_given && (is_new || is_there(given()))) {
        char link[40];
        ssize_t length;
        if ((fd = duplicate(given())) < 0)
            return -1;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        length = readlink(link, out.path, sizeof out.path - 1);
        out.path[length > 0 && out.path[0] == '/' ? length : 0] = '\0';
    } else {
        if (!is_given && wanted.apart)
            snprintf(out.path, sizeof out.path, "%s.%d", wanted.output, (int)pid);
        else if (!is_given)
            snprintf(out.path, sizeof out.path, "%s", wanted.output);
        if (out.path[0] == '\0') { /* a pipe of which only the descriptor was known */
            errno = EBADF;
            return -1;
        }
        if ((fd = open_path(out.path)) < 0)
            return -1;
        /* The path of another descriptor may lead elsewhere by now. */
        if (!is_new && (is_given || strncmp(out.path, "/proc/", 6) == 0)
            && !is_there(fd)) {
            close(fd);
            errno = EBADF;
            return -1;
        }
    }
    if (fstat(fd, &found) < 0) {
        close(fd);
        return -1;
    }
    if (is_new && wanted.apart && !wanted.append && S_ISREG(found.st_mode)
        && found.st_mtim.tv_sec * 1000000000LL + found.st_mtim.tv_nsec
               < wanted.began - STILL
        && ftruncate(fd, 0) < 0) { /* it is that of an earlier process */
        close(fd);
        return -1;
    }
    out.device = found.st_dev;
    out.inode = found.st_ino;
    out.is_pipe = S_ISFIFO(found.st_mode) || S_ISSOCK(found.st_mode);
    out.most = S_ISFIFO(found.st_mode) ? (size_t)fpathconf(fd, _PC_PIPE_BUF) : SIZE_MAX;
    out.fd = fd;
    return 0;
}

/* Close the descriptor, unless it is the program's by now. */
static void close_output(void)
{
    if (is_there(out.fd))
        close(out.fd);
    out.fd = -1;
}

/* See to it that there is an output. Return 0, or -1 if a line cannot be written. */
static int find_output(void)
{
    int status = 0, error;
    if (out.is_over)
        return -1;
    while (atomic_exchange(&lock, 1))
        sched_yield();
    /* Before that, there is no program that could have closed it. */
    if (out.fd < 0 || (py.Py_IsInitialized() && !is_there(out.fd))) {
        out.fd = -1;
        status = open_output();
    }
    error = errno;
    atomic_store(&lock, 0);
    if (status == 0)
        return 0;
    if (error == EMFILE || error == ENFILE) {
        atomic_fetch_add(&left_out, 1);
        return -1;
    }
    out.is_over = 1;
    if (error == ENXIO || error == EPIPE) /* nobody reads any more */
        return -1;
    if (wanted.python != NULL && out.inode == 0)
        out.failure = error; /* the tracer will say so, if it comes */
    else
        complain("the trace ends here", error);
    return -1;
}

/* Write a line in one write that is not split. */
static void write_line(const char *line, size_t length)
{
    size_t written = 0;
    int is_lost = 0;
    if (out.is_pipe) { /* SIGPIPE may still end the process */
        struct pollfd asked = {out.fd, 0, 0};
        if (poll(&asked, 1, 0) > 0 && (asked.revents & POLLERR)) {
            out.is_over = 1;
            return;
        }
    }
    if (out.is_torn && write(out.fd, "\n", 1) == 1)
        out.is_torn = 0;
    while (written < length) {
        ssize_t some = write(out.fd, line + written, length - written);
        if (some >= 0) {
            written += (size_t)some;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN) { /* given as a descriptor that does not block */
            struct pollfd asked = {out.fd, POLLOUT, 0};
            poll(&asked, 1, -1);
            continue;
        }
        if (errno == EBADF && !is_lost) { /* closed in this moment, or for reading */
            is_lost = 1;
            out.fd = -1;
            if (find_output() < 0)
                return;
            continue;
        }
        out.is_torn = written > 0;
        out.is_over = 1;
        if (errno != EPIPE)
            complain("the trace ends here", errno);
        return;
    }
}

/* ---- lines ---- */

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
    show("audithooks.left_out", args, atomic_fetch_add(&sequence, 1) + 1, 0, NULL);
    py.Py_DecRef(args);
}

/* ---- the hook ---- */

/* An event by which the Python side of audithooks speaks to this library. The answer is
   an InterruptedError with the number of the last event, so that no other hook sees it. */
#define PRIVATE "audithooks.start"
/* That by which the Python side asks whether its own hook is called. */
#define PROBE "audithooks.connect"

static char block[64] __attribute__((aligned(16))); /* for the entry of the hook */
static int is_lent, is_running, has_tried, is_python_first;
static Allocator lender;
static PyObject *owner; /* the interpreter whose events the Python side shows, or NULL */
static char *trace, *first; /* the options of the tracer, and of its first process */
static __thread int is_inside, is_loading, is_calling;
/* The arguments of an import that may be that of the tracer. */
static __thread PyObject *held;

static void *lend(void *context, size_t size)
{
    if (!is_lent && size <= sizeof block) {
        is_lent = 1;
        return block;
    }
    return lender.malloc(context, size);
}

static void give_back(void *context, void *some)
{
    if (some != block) {
        lender.free(context, some);
        return;
    }
    is_lent = 0;
    py.PyMem_SetAllocator(RAW, &lender);
}

/* CPython frees the entry of a hook that was added before the runtime was initialised by
   another allocator than the one that made it, if it is told to debug the allocators.
   So the entry is no memory of either. */
static void expect_free(void)
{
    Allocator changed;
    if (!is_lent)
        return;
    py.PyMem_GetAllocator(RAW, &lender);
    changed = lender;
    changed.free = give_back;
    py.PyMem_SetAllocator(RAW, &changed);
}

static int is_of_tracer(PyObject *args)
{
    struct characters from = {NULL, NULL, 0, NULL};
    PyObject *type;
    size_t place, length;
    if (wanted.python == NULL || args == NULL || py.PyTuple_Size(args) < 1)
        return 0;
    from.str = py.PyTuple_GetItem(args, 0);
    type = py.PyObject_Type(from.str);
    py.Py_DecRef(type);
    length = strlen(wanted.python);
    if (type != py.PyUnicode_Type
        || (size_t)py.PyUnicode_GetLength(from.str) < length)
        return 0;
    for (place = length; place > 0; place--) /* they differ at their end, mostly */
        if (character(&from, place - 1) != (unsigned char)wanted.python[place - 1])
            return 0;
    return 1;
}

static int is_sitecustomize(const char *event, PyObject *args)
{
    struct characters from = {NULL, NULL, 0, NULL};
    PyObject *type;
    if (!is_python_first || strcmp(event, "import") != 0 || py.PyTuple_Size(args) < 1)
        return 0;
    from.str = py.PyTuple_GetItem(args, 0);
    type = py.PyObject_Type(from.str);
    py.Py_DecRef(type);
    if (type != py.PyUnicode_Type)
        return 0;
    from.length = (size_t)py.PyUnicode_GetLength(from.str);
    return from.length == 13 && has(&from, 13, "sitecustomize");
}

static int is_shown(const char *event)
{
    return (wanted.show.length == 0 || is_among(event, &wanted.show))
        && !is_among(event, &wanted.hide);
}

static int tell(const char *event, PyObject *args, const char *action)
{
    int64_t interpreter = 0;
    long long number = 0;
    if (action == NULL && (!is_shown(event) || strcmp(event, PROBE) == 0))
        return 0;
    if (find_output() < 0)
        return 0;
    show_left_out();
    if (owner == NULL)
        number = atomic_fetch_add(&sequence, 1) + 1;
    else
        interpreter = py.PyInterpreterState_GetID(py.PyInterpreterState_Get());
    return show(event, args, number, interpreter, action);
}

static int tell_held(void)
{
    PyObject *args = held;
    int status;
    held = NULL;
    if (args == NULL)
        return 0;
    status = tell("import", args, NULL);
    py.Py_DecRef(args);
    return status;
}

static const char SOURCE[] =
    "path = folder + '/sitecustomize.py'\n"
    "with open(path, 'rb') as file:\n"
    "    code = compile(file.read(), path, 'exec')\n"
    "names = {'__name__': 'audithooks.start', '__file__': path}\n"
    "exec(code, names)\n"
    "names['follow'](folder, trace, first)\n";

/* Have the Python side take over. Return 0, or -1 with an error. */
static int call_python(void)
{
    PyObject *code, *names, *result = NULL;
    PyObject *folder = py.PyUnicode_DecodeFSDefault(wanted.python);
    PyObject *options = py.PyUnicode_DecodeFSDefault(trace);
    PyObject *more = py.PyUnicode_DecodeFSDefault(first == NULL ? "" : first);
    code = py.Py_CompileString(SOURCE, "<audithooks>", FILE_INPUT);
    names = py.PyDict_New();
    if (folder != NULL && options != NULL && more != NULL && code != NULL && names != NULL
        && py.PyDict_SetItemString(names, "__builtins__", py.PyEval_GetBuiltins()) == 0
        && py.PyDict_SetItemString(names, "folder", folder) == 0
        && py.PyDict_SetItemString(names, "trace", options) == 0
        && py.PyDict_SetItemString(names, "first", more) == 0)
        result = py.PyEval_EvalCode(code, names, names);
    py.Py_DecRef(folder);
    py.Py_DecRef(options);
    py.Py_DecRef(more);
    py.Py_DecRef(code);
    py.Py_DecRef(names);
    py.Py_DecRef(result);
    return result == NULL ? -1 : 0;
}

/* Whether the interpreter itself says that it lets go of its hooks. */
static int is_last(const char *event)
{
    if (strcmp(event, "cpython._PySys_ClearAuditHooks") != 0)
        return 0;
    return py.PyEval_GetFrame() == NULL
        || (py.Py_IsFinalizing != NULL && py.Py_IsFinalizing())
        || (py._Py_IsFinalizing != NULL && py._Py_IsFinalizing());
}

static int answer(PyObject *args)
{
    PyObject *number = py.PyLong_FromLongLong(atomic_load(&sequence));
    ssize_t length = args == NULL ? 0 : py.PyTuple_Size(args);
    if (number == NULL)
        return -1;
    py.PyErr_SetObject(*py.PyExc_InterruptedError, number);
    py.Py_DecRef(number);
    if (length > 0) { /* it takes over, or it goes on without */
        is_loading = 0;
        has_tried = 1;
        if (py.PyTuple_GetItem(args, 0) == py.true_
            && py.PyInterpreterState_Get != NULL) {
            owner = py.PyInterpreterState_Get();
            close_output();
        }
    }
    return -1;
}

static int refuse(const char *event)
{
    PyObject *args;
    char told[300];
    snprintf(told, sizeof told, "%.200s is denied by audithooks", event);
    args = py.Py_BuildValue("(is)", EPERM, told);
    if (args != NULL) {
        py.PyErr_SetObject(*py.PyExc_PermissionError, args);
        py.Py_DecRef(args);
    }
    return -1;
}

static int handle(const char *event, PyObject *args)
{
    if (is_last(event))
        is_running = 0;
    if (pid != first_pid && !wanted.follow && wanted.refuse.length == 0)
        return 0;
    if (owner != NULL && owner == py.PyInterpreterState_Get())
        return 0;
    if (is_loading)
        return 0;
    if (is_of_tracer(args)) {
        if (held != NULL)
            py.Py_DecRef(held);
        held = NULL;
        is_loading = strcmp(event, "open") == 0;
        return 0;
    }
    if (tell_held() < 0)
        return -1;
    if (is_sitecustomize(event, args)) {
        py.Py_IncRef(args);
        held = args;
        return 0;
    }
    if (is_among(event, &wanted.refuse)) {
        if (tell(event, args, "denied") < 0)
            return -1;
        return refuse(event);
    }
    if (!has_tried && trace != NULL && wanted.python != NULL
        && py.PyInterpreterState_Get != NULL && strncmp(event, "cpython.run_", 12) == 0) {
        int status;
        has_tried = 1;
        is_calling = 1;
        status = call_python();
        is_calling = 0;
        if (status < 0)
            return -1;
        if (owner != NULL) /* whose hooks are asked after this one */
            return 0;
    }
    if (pid != first_pid && !wanted.follow)
        return 0;
    return tell(event, args, NULL);
}

static int on_event(const char *event, PyObject *args, void *unused)
{
    int error = errno, status;
    (void)unused;
    if (strcmp(event, PRIVATE) == 0
        && (is_loading || is_calling || (trace == NULL && py.PyTuple_Size(args) == 0)))
        return answer(args);
    if (is_inside) /* it is raised by what this does */
        return 0;
    is_inside = 1;
    status = handle(event, args);
    is_inside = 0;
    if (!is_running) { /* that was the last */
        if (out.failure != 0 && !has_tried)
            complain("the trace ends here", out.failure);
        close_output();
        expect_free();
        owner = NULL;
        has_tried = 0;
    }
    errno = error;
    return status;
}

static void after_fork(void)
{
    pid = getpid();
    atomic_store(&lock, 0);
    if (wanted.apart) {
        close_output();
        out.path[0] = '\0';
        out.device = 0;
        out.inode = 0;
    }
}

/* Add the hook, before there is a runtime. Return 0 or -1. */
static int add_hook(void)
{
    static int is_told_of_forks;
    Allocator changed;
    struct stat found;
    int status;
    if (!is_told_of_forks && pthread_atfork(NULL, NULL, after_fork) != 0)
        return -1;
    is_told_of_forks = 1;
    py.PyMem_GetAllocator(RAW, &lender);
    changed = lender;
    changed.malloc = lend;
    py.PyMem_SetAllocator(RAW, &changed);
    status = py.PySys_AddAuditHook(on_event, NULL);
    py.PyMem_SetAllocator(RAW, &lender);
    pid = first_pid = getpid();
    out.has_stderr = fstat(2, &found) == 0;
    is_running = status == 0;
    return status;
}

/* ---- for a program that embeds Python ---- */

EXPORTED const char *AuditHooks_Start(const char *options) /* see audithooks.h */
{
    static char wrong[200];
    const char *missing;
    if (is_running)
        return "the hook is there already";
    if (options == NULL)
        return "options must not be NULL";
    if ((missing = find_python()) != NULL) {
        snprintf(wrong, sizeof wrong, "this program has no %s", missing);
        return wrong;
    }
    if (py.Py_IsInitialized())
        return "Python is initialised already";
    if (read_wanted(options, wrong, sizeof wrong) < 0)
        return wrong;
    return add_hook() < 0 ? "PySys_AddAuditHook() failed" : NULL;
}

/* ---- as a library that is preloaded ---- */

#ifdef AUDITHOOKS_PRELOADED

#define START "AUDITHOOKS_START"
#define TRACE "AUDITHOOKS_TRACE"
#define PRELOAD "LD_PRELOAD"
#define FIRST "AUDITHOOKS_FIRST"

/* What the environment of a child must have. */
static struct {
    const char *name;
    char *value;
    int is_list; /* with colons */
} added[] = {{PRELOAD, NULL, 1}, {START, NULL, 0}, {TRACE, NULL, 0}};
enum { ADDED = sizeof added / sizeof *added };
static int is_following;

extern char **environ;

/* Return where an item of a list with colons is, or NULL. */
static char *find_item(char *list, const char *item)
{
    size_t length = strlen(item);
    for (; list != NULL; list = strchr(list, ':')) {
        list += *list == ':';
        if (strncmp(list, item, length) == 0
            && (list[length] == ':' || list[length] == '\0'))
            return list;
    }
    return NULL;
}

static const char *value_of(const char *entry, const char *name)
{
    size_t length = strlen(name);
    return strncmp(entry, name, length) == 0 && entry[length] == '=' ? entry + length + 1
                                                                     : NULL;
}

static size_t space_for(char *const *envp)
{
    size_t space = (ADDED + 1) * sizeof *envp, number;
    for (number = 0; number < ADDED; number++)
        if (added[number].value != NULL)
            space += strlen(added[number].name) + strlen(added[number].value) + 3;
    for (; envp != NULL && *envp != NULL; envp++) {
        space += sizeof *envp;
        for (number = 0; number < ADDED; number++)
            if (value_of(*envp, added[number].name) != NULL)
                space += strlen(*envp);
    }
    return space;
}

/* Return an environment with what is added, in *space*: after vfork() there may be no
   other memory. */
static char **completed(char *const *envp, void *space)
{
    char **made = space, *text;
    size_t length = 0, number;
    for (; envp != NULL && envp[length] != NULL; length++)
        made[length] = envp[length];
    text = (char *)(made + length + ADDED + 1);
    for (number = 0; number < ADDED; number++) {
        const char *value = NULL;
        size_t place;
        if (added[number].value == NULL)
            continue;
        for (place = 0; place < length && value == NULL; place++)
            value = value_of(made[place], added[number].name);
        if (value != NULL
            && (!added[number].is_list || find_item((char *)value, added[number].value)))
            continue;
        place = value == NULL ? length++ : place - 1;
        made[place] = text;
        text += sprintf(text, "%s=%s%s%s", added[number].name, added[number].value,
                        value != NULL && *value ? ":" : "", value != NULL ? value : "")
            + 1;
    }
    made[length] = NULL;
    return made;
}

#define WITH(envp) \
    (is_following ? completed(envp, alloca(space_for(envp))) : (char **)(envp))
#define ACTIONS const posix_spawn_file_actions_t *, const posix_spawnattr_t *
#define WORDS char *const[], char *const[]
#define REAL(X) \
    X(execve, (const char *, WORDS)) \
    X(execvpe, (const char *, WORDS)) \
    X(fexecve, (int, WORDS)) \
    X(posix_spawn, (pid_t *, const char *, ACTIONS, WORDS)) \
    X(posix_spawnp, (pid_t *, const char *, ACTIONS, WORDS))

static struct {
#define FIELD(name, arguments) int (*name) arguments;
    REAL(FIELD)
#undef FIELD
} real;

/* Find the functions that are replaced: beforehand, as in a child it may be too late. */
static void find_real(void)
{
    void *found;
#define FIND_REAL(name, arguments) \
    found = dlsym(RTLD_NEXT, #name); \
    memcpy(&real.name, &found, sizeof found);
    REAL(FIND_REAL)
}

#define CALL(name, failed, ...) \
    if (real.name == NULL) \
        find_real(); \
    if (real.name == NULL) \
        return errno = ENOSYS, failed; \
    return real.name(__VA_ARGS__)

EXPORTED int execve(const char *path, char *const argv[], char *const envp[])
{
    CALL(execve, -1, path, argv, WITH(envp));
}

EXPORTED int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

EXPORTED int execvpe(const char *file, char *const argv[], char *const envp[])
{
    CALL(execvpe, -1, file, argv, WITH(envp));
}

EXPORTED int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

EXPORTED int fexecve(int fd, char *const argv[], char *const envp[])
{
    CALL(fexecve, -1, fd, argv, WITH(envp));
}

EXPORTED int posix_spawn(pid_t *child, const char *path,
                         const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attributes, char *const argv[],
                         char *const envp[])
{
    CALL(posix_spawn, ENOSYS, child, path, actions, attributes, argv, WITH(envp));
}

EXPORTED int posix_spawnp(pid_t *child, const char *file,
                          const posix_spawn_file_actions_t *actions,
                          const posix_spawnattr_t *attributes, char *const argv[],
                          char *const envp[])
{
    CALL(posix_spawnp, ENOSYS, child, file, actions, attributes, argv, WITH(envp));
}

static char *copy_of(const char *value)
{
    return value == NULL ? NULL : strdup(value);
}

/* Take an item out of a variable with a list. */
static void take_out(const char *name, const char *item)
{
    char *list = copy_of(getenv(name)), *found = find_item(list, item);
    if (found != NULL) {
        char *end = found + strlen(item);
        if (*end == ':')
            memmove(found, end + 1, strlen(end));
        else
            found[found > list ? -1 : 0] = '\0';
        if (*list == '\0')
            unsetenv(name);
        else
            setenv(name, list, 1);
    }
    free(list);
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv(START);
    char wrong[200];
    Dl_info self;
    find_real();
    if (text == NULL || dladdr((void *)begin, &self) == 0)
        return;
    if (read_wanted(text, wrong, sizeof wrong) < 0) {
        fprintf(stderr, "audithooks: process %d is not followed: " START ": %s\n",
                (int)getpid(), wrong);
        return;
    }
    added[0].value = copy_of(self.dli_fname);
    added[1].value = copy_of(text);
    trace = added[2].value = copy_of(getenv(TRACE));
    is_python_first = wanted.python != NULL
        && find_item(getenv("PYTHONPATH"), wanted.python) != NULL;
    is_following = wanted.follow;
    if (find_python() != NULL) /* it is no Python, or PyPy, or an older one */
        return;
    first = copy_of(getenv(FIRST));
    unsetenv(FIRST);
    if (!wanted.follow) { /* the program has the environment that it has without this */
        unsetenv(START);
        unsetenv(TRACE);
        take_out(PRELOAD, self.dli_fname);
    }
    if (add_hook() < 0)
        complain("the process is not followed from its start", errno);
}

#endif
