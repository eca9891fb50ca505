/* Lets the N-th call of one kind on files of one folder fail, for tests: loaded with LD_PRELOAD.
   FAULT_FOLDER: the folder; FAULT_CALL: read, write, sync or rename; FAULT_NTH: which call, from 1; FAULT_ON: if set, all from there on.
   It says "fault injected" on the standard error, once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int calls;

static int counts(const char *kind, const char *path) {
  const char *folder = getenv("FAULT_FOLDER"), *call = getenv("FAULT_CALL"), *nth = getenv("FAULT_NTH");
  if (!folder || !call || !nth || strcmp(call, kind) || strncmp(path, folder, strlen(folder))) return 0;
  int at = __sync_add_and_fetch(&calls, 1), n = atoi(nth);
  if (at < n || (at > n && !getenv("FAULT_ON"))) return 0;
  if (at == n && !getenv("FAULT_QUIET")) {
    static const char said[] = "fault injected\n";
    ssize_t (*put)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (put(2, said, sizeof said - 1) < 0) return 1;
  }
  errno = EIO;
  return 1;
}

static int fails(const char *kind, int fd) {
  char link[64], path[PATH_MAX];
  if (!getenv("FAULT_CALL") || strcmp(getenv("FAULT_CALL"), kind)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0) return 0;
  path[n] = 0;
  return counts(kind, path);
}

#define REAL(name, ...) static __VA_ARGS__; if (!real) real = dlsym(RTLD_NEXT, name)

ssize_t read(int fd, void *to, size_t n) {
  REAL("read", ssize_t (*real)(int, void *, size_t));
  return fails("read", fd) ? -1 : real(fd, to, n);
}
ssize_t pread(int fd, void *to, size_t n, off_t at) {
  REAL("pread", ssize_t (*real)(int, void *, size_t, off_t));
  return fails("read", fd) ? -1 : real(fd, to, n, at);
}
ssize_t pread64(int fd, void *to, size_t n, off64_t at) {
  REAL("pread64", ssize_t (*real)(int, void *, size_t, off64_t));
  return fails("read", fd) ? -1 : real(fd, to, n, at);
}
ssize_t write(int fd, const void *from, size_t n) {
  REAL("write", ssize_t (*real)(int, const void *, size_t));
  return fails("write", fd) ? -1 : real(fd, from, n);
}
ssize_t pwrite(int fd, const void *from, size_t n, off_t at) {
  REAL("pwrite", ssize_t (*real)(int, const void *, size_t, off_t));
  return fails("write", fd) ? -1 : real(fd, from, n, at);
}
ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at) {
  REAL("pwrite64", ssize_t (*real)(int, const void *, size_t, off64_t));
  return fails("write", fd) ? -1 : real(fd, from, n, at);
}
int fsync(int fd) {
  REAL("fsync", int (*real)(int));
  return fails("sync", fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
  REAL("fdatasync", int (*real)(int));
  return fails("sync", fd) ? -1 : real(fd);
}
int rename(const char *from, const char *to) {
  REAL("rename", int (*real)(const char *, const char *));
  return counts("rename", to) ? -1 : real(from, to);
}
