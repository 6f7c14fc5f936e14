/* A disk that fails, preloaded into an executor: once DISK_FOLDER/disk-fails is there, the DISK_NTH call of those below that
 * concerns a file in DISK_FOLDER fails with DISK_ERRNO, and with DISK_ON every later one, too. What failed is appended to
 * DISK_FOLDER/disk-failed, one call and name a line. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long passed;

/* Whether a call on this path fails: then errno is set. */
static int fails(const char *call, const char *path)
{
    const char *folder = getenv("DISK_FOLDER"), *nth = getenv("DISK_NTH"), *with = getenv("DISK_ERRNO");
    size_t length = folder ? strlen(folder) : 0;
    char name[PATH_MAX];
    if (!folder || !nth || !with || strncmp(path, folder, length) != 0 || (path[length] != '/' && path[length] != 0))
        return 0;
    snprintf(name, sizeof name, "%s/disk-fails", folder);
    if (syscall(SYS_faccessat, AT_FDCWD, name, F_OK) != 0)
        return 0;
    long now = atomic_fetch_add(&passed, 1) + 1;
    if (now < atol(nth) || (now > atol(nth) && !getenv("DISK_ON")))
        return 0;
    snprintf(name, sizeof name, "%s/disk-failed", folder);
    int log = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log >= 0) {
        const char *last = strrchr(path, '/');
        char line[256];
        int said = snprintf(line, sizeof line, "%s %s\n", call, last ? last + 1 : path);
        syscall(SYS_write, log, line, (size_t)said);
        syscall(SYS_close, log);
    }
    errno = atoi(with);
    return 1;
}

static int fd_fails(const char *call, int fd)
{
    char link[64], path[PATH_MAX];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    errno = before;
    if (got <= 0 || path[0] != '/')
        return 0;
    path[got] = 0;
    return fails(call, path);
}

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, #name))

#define ON_FD(name, result, parameters, arguments)                                                                             \
    result name parameters                                                                                                     \
    {                                                                                                                          \
        static result(*real) parameters;                                                                                       \
        if (!real)                                                                                                             \
            real = NEXT(result(*) parameters, name);                                                                           \
        return fd_fails(#name, fd) ? -1 : real arguments;                                                                      \
    }

ON_FD(read, ssize_t, (int fd, void *to, size_t n), (fd, to, n))
ON_FD(pread, ssize_t, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
ON_FD(pread64, ssize_t, (int fd, void *to, size_t n, off64_t at), (fd, to, n, at))
ON_FD(write, ssize_t, (int fd, const void *from, size_t n), (fd, from, n))
ON_FD(pwrite, ssize_t, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at))
ON_FD(pwrite64, ssize_t, (int fd, const void *from, size_t n, off64_t at), (fd, from, n, at))
ON_FD(fsync, int, (int fd), (fd))
ON_FD(fdatasync, int, (int fd), (fd))
ON_FD(ftruncate, int, (int fd, off_t n), (fd, n))
ON_FD(ftruncate64, int, (int fd, off64_t n), (fd, n))

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
        return fails("open", path) ? -1 : real(path, flags, mode);                                                             \
    }

ON_OPEN(open)
ON_OPEN(open64)

int rename(const char *from, const char *to)
{
    static int (*real)(const char *, const char *);
    if (!real)
        real = NEXT(int (*)(const char *, const char *), rename);
    return fails("rename", to) ? -1 : real(from, to);
}

int unlink(const char *path)
{
    static int (*real)(const char *);
    if (!real)
        real = NEXT(int (*)(const char *), unlink);
    return fails("unlink", path) ? -1 : real(path);
}
