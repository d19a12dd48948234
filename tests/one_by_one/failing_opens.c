/* Preloaded into a process: whatever opens, lists or looks at BAD_PATH, or at anything below it, meets BAD_ERRNO.
 * BAD_CALLS: `open`: what only looks (stat) goes well, as with a file whose handle is stale. `hang`: opening it never
 * returns, as on a server that has gone away. The environment is read at each call, so that one process tries many. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int bad(const char *path, int looks) {
  const char *under = getenv("BAD_PATH"), *calls = getenv("BAD_CALLS");
  if (!under || !*under || !path || strncmp(path, under, strlen(under))) return 0;
  char after = path[strlen(under)];
  if (after && after != '/') return 0;
  if (calls && looks && *calls) return 0;
  while (calls && !strcmp(calls, "hang")) pause();
  const char *number = getenv("BAD_ERRNO");
  errno = number ? atoi(number) : EIO;
  return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = va_arg(rest, mode_t); \
    va_end(rest); \
    return bad(path, 0) ? -1 : REAL(name)(path, flags, mode); \
  }
#define OPENS_AT(name) \
  int name(int at, const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = va_arg(rest, mode_t); \
    va_end(rest); \
    return bad(path, 0) ? -1 : REAL(name)(at, path, flags, mode); \
  }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)
DIR *opendir(const char *path) { return bad(path, 0) ? NULL : REAL(opendir)(path); }
int stat(const char *path, struct stat *into) { return bad(path, 1) ? -1 : REAL(stat)(path, into); }
int lstat(const char *path, struct stat *into) { return bad(path, 1) ? -1 : REAL(lstat)(path, into); }
int stat64(const char *path, struct stat64 *into) { return bad(path, 1) ? -1 : REAL(stat64)(path, into); }
int lstat64(const char *path, struct stat64 *into) { return bad(path, 1) ? -1 : REAL(lstat64)(path, into); }
int fstatat(int at, const char *path, struct stat *into, int flags) {
  return bad(path, 1) ? -1 : REAL(fstatat)(at, path, into, flags);
}
int fstatat64(int at, const char *path, struct stat64 *into, int flags) {
  return bad(path, 1) ? -1 : REAL(fstatat64)(at, path, into, flags);
}
