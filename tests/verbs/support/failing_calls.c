/* Preloaded into a job: each write, sync and rename of a file under FAIL_UNDER is a step, numbered from 1.
 * FAIL_AT: the step that fails with FAIL_ERRNO; FAIL_FOR: how many do, from it on (1 when not said).
 * KILL_AT: the step in which the whole process group is killed: KILL_WHEN `before` it, `half` done, or `after` it.
 * FAIL_LOG: a file that notes each step when it begins, and its end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int count;

static int number_of(const char *name, int otherwise) {
  const char *value = getenv(name);
  return value ? atoi(value) : otherwise;
}

static void note(const char *line, int length) {
  const char *log = getenv("FAIL_LOG");
  if (!log) return;
  int kept = errno, fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  syscall(SYS_write, fd, line, length);
  syscall(SYS_close, fd);
  errno = kept;
}

static int dies(int step, const char *when) {
  const char *chosen = getenv("KILL_WHEN");
  return step && step == number_of("KILL_AT", 0) && chosen && !strcmp(chosen, when);
}

static void kill_if(int step, const char *when) {
  if (!dies(step, when)) return;
  kill(0, SIGKILL);
  for (;;) pause();
}

/* The step's number; 0 for a file elsewhere; -1 with errno set when the step fails. */
static int begin(const char *call, const char *path) {
  const char *under = getenv("FAIL_UNDER");
  if (!under || !path || strncmp(path, under, strlen(under))) return 0;
  int step = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
  char line[PATH_MAX + 64];
  note(line, snprintf(line, sizeof line, "%d %s %s\n", step, call, path));
  kill_if(step, "before");
  int first = number_of("FAIL_AT", INT_MAX);
  if (step < first || step - first >= number_of("FAIL_FOR", 1)) return step;
  errno = number_of("FAIL_ERRNO", EIO);
  return -1;
}

static int begin_fd(const char *call, int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return begin(call, path);
}

static ssize_t end(int step, ssize_t result) {
  if (step) note("end\n", 4);
  kill_if(step, "half"); /* what is done in one piece is done by then */
  kill_if(step, "after");
  return result;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define STEP(begun, half, whole) \
  int step = begun; \
  if (step < 0) return -1; \
  if (dies(step, "half")) { half; kill_if(step, "half"); } \
  return end(step, whole)

ssize_t write(int fd, const void *data, size_t size) {
  STEP(begin_fd("write", fd), REAL(write)(fd, data, size / 2), REAL(write)(fd, data, size));
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  STEP(begin_fd("write", fd), REAL(pwrite64)(fd, data, size / 2, at), REAL(pwrite64)(fd, data, size, at));
}
ssize_t writev(int fd, const struct iovec *data, int n) {
  STEP(begin_fd("write", fd), REAL(writev)(fd, data, n / 2), REAL(writev)(fd, data, n));
}
int fsync(int fd) { STEP(begin_fd("sync", fd), , REAL(fsync)(fd)); }
int fdatasync(int fd) { STEP(begin_fd("sync", fd), , REAL(fdatasync)(fd)); }
int rename(const char *from, const char *to) { STEP(begin("rename", to), , REAL(rename)(from, to)); }
int renameat(int a, const char *from, int b, const char *to) {
  STEP(begin("rename", to), , REAL(renameat)(a, from, b, to));
}
