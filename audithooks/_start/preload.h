/* start.c as a library that is preloaded: what adds the hook by itself, and the functions
   by which children are started. */

#include <alloca.h>
#include <spawn.h>

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
                space += strlen(*envp) + 1;
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
        text += sprintf(text, "%s=%s%s%s", added[number].name, value != NULL ? value : "",
                        value != NULL && *value ? ":" : "", added[number].value)
            + 1;
    }
    made[length] = NULL;
    return made;
}

/* Take an item out of a list with colons, in its place. */
static void cut_out(char *list, const char *item)
{
    char *found = find_item(list, item), *end;
    if (found == NULL)
        return;
    end = found + strlen(item);
    if (*end == ':')
        memmove(found, end + 1, strlen(end));
    else
        found[found > list ? -1 : 0] = '\0';
}

/* Return an environment by which the loader does not look for the library, in *space*. */
static char **without_library(char *const *envp, void *space)
{
    char **made = space, *text;
    size_t length = 0, number = 0;
    while (envp != NULL && envp[length] != NULL)
        length++;
    text = (char *)(made + length + 1);
    for (length = 0; envp != NULL && envp[number] != NULL; number++) {
        char *value = (char *)value_of(envp[number], PRELOAD);
        if (value != NULL && find_item(value, added[0].value)) {
            value = stpcpy(text, PRELOAD "=");
            strcpy(value, value_of(envp[number], PRELOAD));
            cut_out(value, added[0].value);
            made[length] = text;
            length += *value != '\0';
            text = value + strlen(value) + 1;
        } else {
            made[length++] = envp[number];
        }
    }
    made[length] = NULL;
    return made;
}

/* Whether the library is where it was, and this process may read it. */
static int has_library(void)
{
    int error = errno, found = access(added[0].value, R_OK) == 0;
    errno = error;
    return found;
}

/* Whether an environment is one for a child as it is. If the library is not there, the
   loader is not to look for it, as it would complain. */
static int is_complete(char *const *envp)
{
    size_t number;
    for (number = 0; number < ADDED; number++) {
        const char *value = NULL;
        char *const *entry;
        if (added[number].value == NULL)
            continue;
        for (entry = envp; entry != NULL && *entry != NULL && value == NULL; entry++)
            value = value_of(*entry, added[number].name);
        if (value == NULL
            || (added[number].is_list && !find_item((char *)value, added[number].value)))
            return 0;
    }
    return has_library();
}

#define CHANGED(envp, space) \
    (has_library() ? completed(envp, space) : without_library(envp, space))
#define WITH(envp) \
    (!is_following || is_complete(envp) ? (char **)(envp) \
                                        : CHANGED(envp, alloca(space_for(envp))))
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
    char *list = copy_of(getenv(name));
    if (find_item(list, item) != NULL) {
        cut_out(list, item);
        if (*list == '\0')
            unsetenv(name);
        else
            setenv(name, list, 1);
    }
    free(list);
}

/* By this name, such a library finds whether there is another behind it. */
EXPORTED const char audithooks_preloaded = 1;

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv(START);
    char wrong[200];
    Dl_info self;
    find_real();
    if (text == NULL || dladdr((void *)begin, &self) == 0
        || dlsym(RTLD_NEXT, "audithooks_preloaded") != NULL)
        return;
    if (read_wanted(text, wrong, sizeof wrong) < 0) {
        if (find_python() == NULL)
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
