/* What hostile code tries, one way at a time: `attack WAY [WITH]`. It says `refused` with the reason when the system does
 * not let it, `done` when it does, and how far it came where that is a number. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *with = "";

static int said(long outcome) {
    if (outcome < 0) printf("refused: %s\n", strerror(errno));
    else printf("done\n");
    return 0;
}

static int number(long count) {
    printf("%ld\n", count);
    return 0;
}

static int open_file(const char *path, int flags) { return said(open(path, flags | O_CLOEXEC, 0600)); }

/* An empty file is what engines put in the place of what they hide. */
static int reads(void) {
    char byte;
    int file = open(with, O_RDONLY | O_CLOEXEC);
    if (file < 0) return said(-1);
    ssize_t got = read(file, &byte, 1);
    if (got == 0) errno = ENODATA;
    return said(got > 0 ? 1 : -1);
}
static int writes(void) { return open_file(with, O_WRONLY); }
static int creates(void) { return open_file(with, O_WRONLY | O_CREAT); }
static int lists(void) { return open_file(with, O_RDONLY | O_DIRECTORY); }

/* A link of its own that leads out. */
static int link_out(void) {
    unlink("/data/link");
    if (symlink(with, "/data/link") < 0) return said(-1);
    return open_file("/data/link", O_RDONLY);
}

static int device(void) { return said(mknod("/data/device", S_IFBLK | 0600, makedev(8, 0))); }

static int internet(int kind, const char *address, int port) {
    int handle = socket(AF_INET, kind, 0);
    if (handle < 0) return said(-1);
    unsigned a, b, c, d;
    if (sscanf(address, "%u.%u.%u.%u", &a, &b, &c, &d) != 4) return 64;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(a << 24 | b << 16 | c << 8 | d);
    struct timeval soon = {.tv_sec = 2};
    setsockopt(handle, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    if (kind == SOCK_STREAM) return said(connect(handle, (void *)&to, sizeof to));
    return said(sendto(handle, "x", 1, 0, (void *)&to, sizeof to));
}

static int connects(void) { return internet(SOCK_STREAM, "127.0.0.1", atoi(with)); }
static int metadata(void) { return internet(SOCK_STREAM, "169.254.169.254", 80); }
static int asks_names(void) { return internet(SOCK_DGRAM, "8.8.8.8", 53); }
static int raw_socket(void) { return said(socket(AF_INET, SOCK_RAW, 1)); }
static int to_the_machine_outside(void) { return said(socket(AF_VSOCK, SOCK_STREAM, 0)); }
static int into_the_kernel(void) { return said(socket(AF_ALG, SOCK_SEQPACKET, 0)); }
static int packet_socket(void) { return said(socket(AF_PACKET, SOCK_RAW, 0)); }

/* A socket without a file, which any process of the same network namespace reaches. */
static int abstract_socket(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path + 1, with, sizeof to.sun_path - 2);
    int handle = socket(AF_UNIX, SOCK_STREAM, 0);
    return said(connect(handle, (void *)&to, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(with)));
}

/* Network interfaces besides the loopback. */
static int interfaces(void) {
    struct if_nameindex *all = if_nameindex();
    long count = 0;
    for (struct if_nameindex *one = all; one && one->if_index; one++) count += strcmp(one->if_name, "lo") != 0;
    return number(count);
}

static int signals(void) { return said(kill(atoi(with), 0)); }
static int traces(void) { return said(ptrace(PTRACE_ATTACH, atoi(with), 0, 0)); }

static int reads_memory(void) {
    char bytes[8];
    struct iovec here = {bytes, sizeof bytes}, there = {(void *)0x400000, sizeof bytes};
    return said(process_vm_readv(atoi(with), &here, 1, &there, 1, 0));
}

static int mounts(void) { return said(mount("none", "/data", "tmpfs", 0, "")); }
static int binds(void) { return said(mount("/", "/data", 0, MS_BIND, 0)); }
static int remounts(void) { return said(mount(0, "/", 0, MS_REMOUNT | MS_BIND, 0)); }
static int unmounts(void) { return said(umount2("/proc", MNT_DETACH)); }
static int new_users(void) { return said(unshare(CLONE_NEWUSER)); }
static int new_mounts(void) { return said(unshare(CLONE_NEWNS)); }
static int new_network(void) { return said(unshare(CLONE_NEWNET)); }
static int clones(void) {
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    return said(pid);
}
static int new_root(void) { return said(chroot("/data")); }
static int pivots(void) { return said(syscall(SYS_pivot_root, "/data", "/data")); }
static int becomes_root(void) { return said(setuid(0)); }

/* A program of its own that is marked to run with its owner's rights changes nothing. */
static int marks_program(void) {
    if (chmod("/proc/self/exe", 04755) < 0 && chmod("/data/attack", 06755) < 0) return said(-1);
    return number(geteuid());
}

static int capability(void) {
    struct { unsigned version; int pid; } head = {0x20080522, 0};
    struct { unsigned effective, permitted, inheritable; } all[2] = {{~0u, ~0u, 0}, {~0u, ~0u, 0}};
    return said(syscall(SYS_capset, &head, all));
}

static int sets_clock(void) {
    struct timespec now = {.tv_sec = 1};
    return said(clock_settime(CLOCK_REALTIME, &now));
}
static int names_host(void) { return said(sethostname("other", 5)); }
static int restarts(void) { return said(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0)); }
static int loads_module(void) { return said(syscall(SYS_init_module, "", 0, "")); }
static int loads_bpf(void) {
    char nothing[128] = {0};
    return said(syscall(SYS_bpf, 5, nothing, sizeof nothing));
}
static int adds_key(void) { return said(syscall(SYS_add_key, "user", "name", "value", 5, -2)); }
static int faults(void) { return said(syscall(SYS_userfaultfd, O_CLOEXEC)); }
static int rings(void) {
    char nothing[256] = {0};
    return said(syscall(SYS_io_uring_setup, 4, nothing));
}
static int counts_events(void) {
    char nothing[128] = {0};
    return said(syscall(SYS_perf_event_open, nothing, 0, -1, -1, 0));
}
static int opens_handle(void) {
    char handle[64] = {8};
    return said(syscall(SYS_open_by_handle_at, AT_FDCWD, handle, O_RDONLY));
}
static int raises_limit(void) {
    struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
    return said(setrlimit(RLIMIT_FSIZE, &most));
}
static int comes_first(void) { return said(setpriority(PRIO_PROCESS, 0, -20)); }

/* How many processes it gets. */
static int forks(void) {
    long count = 0;
    while (count < 5000) {
        pid_t pid = fork();
        if (pid < 0) break;
        if (pid == 0) { close(0); close(1); close(2); pause(); _exit(0); }
        count++;
    }
    printf("%ld\n", count);
    fflush(stdout);
    /* Those that wait go with the app. */
    return 0;
}

/* How many dead ones that nobody asks for. */
static int zombies(void) {
    long count = 0;
    while (count < 5000) {
        pid_t pid = fork();
        if (pid < 0) break;
        if (pid == 0) _exit(0);
        count++;
    }
    return number(count);
}

/* How many megabytes it gets and uses. */
static int memory(void) {
    long count = 0;
    for (; count < 16384; count++) {
        char *some = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (some == MAP_FAILED) break;
        memset(some, 1, 1 << 20);
        if (count % 64 == 0) { printf("%ld\n", count); fflush(stdout); }
    }
    return number(count);
}

/* Processes that use memory at the same time, each less than one may. */
static int memories(void) {
    const size_t each = 256 << 20;
    long held = 0;
    for (; held < 16; held++) {
        int ready[2];
        char byte;
        if (pipe(ready)) break;
        pid_t child = fork();
        if (child < 0) break;
        if (child == 0) {
            char *some = malloc(each);
            if (!some) _exit(1);
            for (size_t at = 0; at < each; at += 4096) some[at] = 1;
            if (write(ready[1], "x", 1) == 1) pause();
            _exit(1);
        }
        close(ready[1]);
        if (read(ready[0], &byte, 1) != 1 || waitpid(-1, 0, WNOHANG) != 0) break;
    }
    return number(held);
}

/* How many bytes a file takes. */
static int fills(void) {
    signal(SIGXFSZ, SIG_IGN);
    int file = open(with, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return said(-1);
    static char some[1 << 16];
    long count = 0;
    for (;;) {
        ssize_t written = write(file, some, sizeof some);
        if (written <= 0 || count > 1l << 33) break;
        count += written;
    }
    unlink(with);
    return number(count);
}

static int opens(void) {
    long count = 0;
    while (count < 100000 && open("/dev/null", O_RDONLY) >= 0) count++;
    return number(count);
}

static int leaves_core(void) {
    pid_t pid = fork();
    if (pid == 0) abort();
    int status = 0;
    waitpid(pid, &status, 0);
    printf(WCOREDUMP(status) ? "done\n" : "refused: no core\n");
    return 0;
}

static int long_words(void) {
    static char word[128 * 1024];
    memset(word, 'x', sizeof word - 1);
    static char *words[1024];
    words[0] = "attack";
    for (int at = 1; at < 1000; at++) words[at] = word;
    execv("/proc/self/exe", words);
    return said(-1);
}

static int shared_memory(void) { return said(shm_open("/kageos", O_CREAT | O_RDWR, 0600)); }

static const struct { const char *name; int (*way)(void); } WAYS[] = {
    {"reads", reads}, {"writes", writes}, {"creates", creates}, {"lists", lists}, {"link_out", link_out},
    {"device", device}, {"connects", connects}, {"metadata", metadata}, {"asks_names", asks_names},
    {"raw_socket", raw_socket}, {"packet_socket", packet_socket},
    {"to_the_machine_outside", to_the_machine_outside}, {"into_the_kernel", into_the_kernel}, {"abstract_socket", abstract_socket},
    {"interfaces", interfaces}, {"signals", signals}, {"traces", traces}, {"reads_memory", reads_memory},
    {"mounts", mounts}, {"binds", binds}, {"remounts", remounts}, {"unmounts", unmounts},
    {"new_users", new_users}, {"new_mounts", new_mounts}, {"new_network", new_network}, {"clones", clones},
    {"new_root", new_root}, {"pivots", pivots}, {"becomes_root", becomes_root}, {"marks_program", marks_program},
    {"capability", capability}, {"sets_clock", sets_clock}, {"names_host", names_host}, {"restarts", restarts},
    {"loads_module", loads_module}, {"loads_bpf", loads_bpf}, {"adds_key", adds_key}, {"faults", faults},
    {"rings", rings}, {"counts_events", counts_events}, {"opens_handle", opens_handle},
    {"raises_limit", raises_limit}, {"comes_first", comes_first}, {"forks", forks}, {"zombies", zombies},
    {"memory", memory}, {"memories", memories}, {"fills", fills}, {"opens", opens}, {"leaves_core", leaves_core},
    {"long_words", long_words}, {"shared_memory", shared_memory},
};

int main(int count, char **words) {
    if (count < 2) return 64;
    if (count > 2) with = words[2];
    for (size_t at = 0; at < sizeof WAYS / sizeof *WAYS; at++)
        if (!strcmp(words[1], WAYS[at].name)) return WAYS[at].way();
    return 64;
}
