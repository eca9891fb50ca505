/* Lets the N-th call of one kind on files of one folder fail, for tests: loaded with LD_PRELOAD.
   FAULT_FOLDER: the folder; FAULT_CALL: read, write, sync or rename; FAULT_NTH: which call, from 1; FAULT_ON: if set, all from there on.
   It says "fault injected" on the standard error, once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <ucontext.h>
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
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t n, unsigned flags) {
  REAL("copy_file_range", ssize_t (*real)(int, off64_t *, int, off64_t *, size_t, unsigned));
  return fails("read", from) || fails("write", to) ? -1 : real(from, from_at, to, to_at, n, flags);
}
int fsync(int fd) {
  REAL("fsync", int (*real)(int));
  return fails("sync", fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
  REAL("fdatasync", int (*real)(int));
  return fails("sync", fd) ? -1 : real(fd);
}

/* Programs may rename without the C library, so its calls are met where the kernel takes them: every call traps, is counted, and is
   made from the handler, where a sixth argument, which the kernel does not look at, lets it pass. */
#if defined(__x86_64__)
#define RESULT(context) ((context)->uc_mcontext.gregs[REG_RAX])
static long argument(ucontext_t *context, int at) {
  static const int registers[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8};
  return context->uc_mcontext.gregs[registers[at]];
}
#elif defined(__aarch64__)
#define RESULT(context) ((context)->uc_mcontext.regs[0])
static long argument(ucontext_t *context, int at) { return context->uc_mcontext.regs[at]; }
#else
#error "renames are met on x86-64 and aarch64 alone"
#endif
#define PASSES 0x5ca1ab1e

static void trapped(int signal, siginfo_t *info, void *context) {
  (void)signal;
  long flags = 0, from = argument(context, 0), to = argument(context, 1);
  int from_folder = AT_FDCWD, to_folder = AT_FDCWD;
#ifdef SYS_rename
  if (info->si_syscall != SYS_rename)
#endif
  {
    from_folder = argument(context, 0), from = argument(context, 1);
    to_folder = argument(context, 2), to = argument(context, 3);
    if (info->si_syscall == SYS_renameat2) flags = argument(context, 4);
  }
  int before = errno;
  long made = -1;
  errno = EIO;
  if (!counts("rename", (const char *)to)) made = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags, PASSES);
  RESULT((ucontext_t *)context) = made == 0 ? 0 : -errno;
  errno = before;
}

__attribute__((constructor)) static void meet_renames(void) {
  const char *call = getenv("FAULT_CALL");
  if (!call || strcmp(call, "rename")) return;
  struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 3, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat, 4, 0),
#ifdef SYS_rename
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rename, 3, 0),
#else
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat, 3, 0),
#endif
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PASSES, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  struct sigaction action = {0};
  action.sa_sigaction = trapped;
  action.sa_flags = SA_SIGINFO;
  static const char cannot[] = "renames cannot be met: no seccomp here\n";
  if (sigaction(SIGSYS, &action, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
    if (write(2, cannot, sizeof cannot - 1) < 0) return;
    _exit(99);
  }
}
