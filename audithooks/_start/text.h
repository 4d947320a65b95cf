/* Text that grows. A part of start.c. */

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
    const char some[] = {'\\', 'x', digits[byte >> 4 & 15], digits[byte & 15]};
    put(text, some, sizeof some);
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

/* Write a number of at least so many digits. */
static void put_number(struct text *text, long long number, int digits)
{
    char some[24], *at = some + sizeof some;
    unsigned long long rest = (unsigned long long)number;
    if (number < 0) {
        put_byte(text, '-');
        rest = -rest;
    }
    for (; rest > 0 || digits > 0; rest /= 10, digits--)
        *--at = (char)('0' + rest % 10);
    put(text, at, (size_t)(some + sizeof some - at));
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

/* Whether a character is written as it is, however characters are written. */
static inline int is_plain(uint32_t c)
{
    return c >= 0x20 && c < 0x7f && c != '\\' && c != '"' && c != '\'';
}

static inline void put_character(struct text *text, uint32_t c, int how)
{
    if (is_plain(c))
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
