/* A disk that notes what it was told, preloaded into an executor: everything that changes a file in DISK_FOLDER, and every sync there, is
 * appended to DISK_LOG in the order in which it happened, each with one write. With DISK_KEEPS_NOTHING a sync does nothing and is not
 * noted: a disk that lies.
 *
 * A note: kind, length of the name, offset or new length, length of the data, each 64 bits in the machine's order; the name without its
 * folder (empty: the folder itself); the data. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE = 1, TRUNCATE, SYNC, RENAME, UNLINK, CREATE };

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static int notes = -1;

/* Before anything keeps the process in. */
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("DISK_LOG");
    if (path)
        notes = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* A path's name in the folder, "" for the folder, NULL for anything else. */
static const char *inside(const char *path)
{
    const char *folder = getenv("DISK_FOLDER");
    size_t length = folder ? strlen(folder) : 0;
    if (!folder || notes < 0 || strncmp(path, folder, length) != 0)
        return NULL;
    if (path[length] == 0)
        return path + length;
    return path[length] == '/' ? path + length + 1 : NULL;
}

static const char *name_of(int fd, char *path)
{
    char link[64];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    errno = before;
    if (got <= 0)
        return NULL;
    path[got] = 0;
    return inside(path);
}

static void note(enum kind kind, const char *name, uint64_t at, const void *data, size_t length)
{
    uint64_t head[4] = {kind, strlen(name), at, length};
    struct iovec parts[3] = {
        {head, sizeof head}, {(void *)name, strlen(name)}, {(void *)data, length}};
    int before = errno;
    if (syscall(SYS_writev, notes, parts, 3) != (long)(sizeof head + strlen(name) + length))
        abort();
    errno = before;
}

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, #name))

#define ON_FD(name, result, parameters, arguments, when_done)                                                                  \
    result name parameters                                                                                                     \
    {                                                                                                                          \
        static result(*real) parameters;                                                                                       \
        char path[PATH_MAX];                                                                                                   \
        if (!real)                                                                                                             \
            real = NEXT(result(*) parameters, name);                                                                           \
        const char *file = name_of(fd, path);                                                                                  \
        if (!file)                                                                                                             \
            return real arguments;                                                                                             \
        pthread_mutex_lock(&one_at_a_time);                                                                                    \
        result done = real arguments;                                                                                          \
        if (done >= 0)                                                                                                         \
            when_done;                                                                                                         \
        pthread_mutex_unlock(&one_at_a_time);                                                                                  \
        return done;                                                                                                           \
    }

#define WROTE(offset) note(WRITE, file, (uint64_t)(offset), from, (size_t)done)

ON_FD(write, ssize_t, (int fd, const void *from, size_t n), (fd, from, n), WROTE(lseek(fd, 0, SEEK_CUR) - done))
ON_FD(pwrite, ssize_t, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at), WROTE(at))
ON_FD(pwrite64, ssize_t, (int fd, const void *from, size_t n, off64_t at), (fd, from, n, at), WROTE(at))
ON_FD(ftruncate, int, (int fd, off_t n), (fd, n), note(TRUNCATE, file, (uint64_t)n, "", 0))
ON_FD(ftruncate64, int, (int fd, off64_t n), (fd, n), note(TRUNCATE, file, (uint64_t)n, "", 0))

#define ON_SYNC(name)                                                                                                          \
    static int kept_##name(int fd)                                                                                             \
    {                                                                                                                          \
        static int (*real)(int);                                                                                               \
        if (!real)                                                                                                             \
            real = NEXT(int (*)(int), name);                                                                                   \
        return getenv("DISK_KEEPS_NOTHING") ? 0 : real(fd);                                                                    \
    }                                                                                                                          \
    int name(int fd)                                                                                                           \
    {                                                                                                                          \
        char path[PATH_MAX];                                                                                                   \
        const char *file = name_of(fd, path);                                                                                  \
        if (!file)                                                                                                             \
            return kept_##name(fd);                                                                                            \
        pthread_mutex_lock(&one_at_a_time);                                                                                    \
        int done = kept_##name(fd);                                                                                            \
        if (done == 0 && !getenv("DISK_KEEPS_NOTHING"))                                                                        \
            note(SYNC, file, 0, "", 0);                                                                                        \
        pthread_mutex_unlock(&one_at_a_time);                                                                                  \
        return done;                                                                                                           \
    }

ON_SYNC(fsync)
ON_SYNC(fdatasync)

#define ON_OPEN(name)                                                                                                          \
    int name(const char *path, int flags, ...)                                                                                 \
    {                                                                                                                          \
        static int (*real)(const char *, int, ...);                                                                            \
        va_list more;                                                                                                          \
        va_start(more, flags);                                                                                                 \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;                                                              \
        va_end(more);                                                                                                          \
        if (!real)                                                                                                             \
            real = NEXT(int (*)(const char *, int, ...), name);                                                                \
        const char *file = inside(path);                                                                                       \
        if (!file || !(flags & (O_CREAT | O_TRUNC)))                                                                           \
            return real(path, flags, mode);                                                                                    \
        pthread_mutex_lock(&one_at_a_time);                                                                                    \
        int is_new = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;                                                        \
        int fd = real(path, flags, mode);                                                                                      \
        if (fd >= 0 && is_new)                                                                                                 \
            note(CREATE, file, 0, "", 0);                                                                                      \
        else if (fd >= 0 && flags & O_TRUNC)                                                                                   \
            note(TRUNCATE, file, 0, "", 0);                                                                                    \
        pthread_mutex_unlock(&one_at_a_time);                                                                                  \
        return fd;                                                                                                             \
    }

ON_OPEN(open)
ON_OPEN(open64)

int rename(const char *from, const char *to)
{
    static int (*real)(const char *, const char *);
    if (!real)
        real = NEXT(int (*)(const char *, const char *), rename);
    const char *old = inside(from), *file = inside(to);
    if (!old || !file)
        return real(from, to);
    pthread_mutex_lock(&one_at_a_time);
    int done = real(from, to);
    if (done == 0)
        note(RENAME, old, 0, file, strlen(file));
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

int unlink(const char *path)
{
    static int (*real)(const char *);
    if (!real)
        real = NEXT(int (*)(const char *), unlink);
    const char *file = inside(path);
    if (!file)
        return real(path);
    pthread_mutex_lock(&one_at_a_time);
    int done = real(path);
    if (done == 0)
        note(UNLINK, file, 0, "", 0);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}
