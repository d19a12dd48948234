/* Preloaded into a job: the FAIL_AT-th write, sync or rename of a file under FAIL_UNDER fails with FAIL_ERRNO, and with
 * FAIL_ON every later one too. With FAIL_LOG each of them is noted there, so that a run without FAIL_AT counts them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int count;

static int fails(const char *call, const char *path) {
  const char *under = getenv("FAIL_UNDER"), *at = getenv("FAIL_AT"), *log = getenv("FAIL_LOG");
  if (!under || !path || strncmp(path, under, strlen(under))) return 0;
  int number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
  if (log) {
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%d %s %s\n", number, call, path);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    syscall(SYS_write, fd, line, length);
    syscall(SYS_close, fd);
  }
  if (!at || number < atoi(at) || (number > atoi(at) && !getenv("FAIL_ON"))) return 0;
  errno = atoi(getenv("FAIL_ERRNO"));
  return 1;
}

static int fails_fd(const char *call, int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) { return fails_fd("write", fd) ? -1 : REAL(write)(fd, data, size); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  return fails_fd("pwrite", fd) ? -1 : REAL(pwrite64)(fd, data, size, at);
}
ssize_t writev(int fd, const struct iovec *data, int n) { return fails_fd("writev", fd) ? -1 : REAL(writev)(fd, data, n); }
int fsync(int fd) { return fails_fd("fsync", fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails_fd("fdatasync", fd) ? -1 : REAL(fdatasync)(fd); }
int rename(const char *from, const char *to) { return fails("rename", to) ? -1 : REAL(rename)(from, to); }
int renameat(int a, const char *from, int b, const char *to) {
  return fails("renameat", to) ? -1 : REAL(renameat)(a, from, b, to);
}
