// The system calls that isolation is made of, and nothing else: starting a process with chosen descriptors only, system call
// filters (libseccomp), Landlock's version, and paths that are opened beneath a folder (openat2(2)).
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// A process to start.
struct osr_start_request {
  const char *program;
  char *const *arguments;
  char *const *environment;
  /// What becomes its descriptors 0, 1, 2 and so on. All others are closed.
  const int *descriptors;
  int descriptor_count;
  /// An open `cgroup.procs` that it is to join, or -1.
  int cgroup;
};

/// Starts a process in a session of its own, with default signals, which the kernel kills when the calling thread ends.
/// - Returns: 0, or an errno.
int osr_start(const struct osr_start_request *start, pid_t *process, int *pidfd);

/// Keeps signals from the calling thread, for good: others take them, and a write that nobody reads is an error and no signal.
void osr_block_signals(void);

/// Takes the process once it has ended. With `wait`, waits for that.
/// - Returns: 1 when it ended, 0 when it runs still, or a negative errno.
int osr_collect(pid_t process, int wait, int *status);

/// Kills the process that a pidfd stands for.
int osr_kill(int pidfd);

/// Two ends of a connection that carries whole packets; both are closed on exec.
int osr_packet_pair(int ends[2]);

/// Takes a packet from a connection, and the descriptor that came with it, or -1; it is closed on exec. Does not wait.
/// - Returns: the bytes of it, 0 at the end, or a negative errno.
ssize_t osr_receive(int connection, void *bytes, size_t size, int *descriptor);

/// A pipe: where to read, and where to write; both are closed on exec.
int osr_pipe(int ends[2]);

/// An empty file in memory that is closed on exec, or a negative errno.
int osr_memory_file(const char *name);

/// A descriptor of the same open file at `minimum` or above, closed on exec, or a negative errno.
int osr_duplicate(int descriptor, int minimum);

/// A new terminal: the descriptors of both sides, closed on exec, with its size in characters.
int osr_terminal(int *controller, int *terminal, uint16_t columns, uint16_t rows);

/// Gives a terminal another size.
int osr_resize(int controller, uint16_t columns, uint16_t rows);

/// Makes reads and writes of a descriptor return at once.
int osr_nonblocking(int descriptor);

/// A counter that a poll can wait for, or a negative errno (eventfd(2)).
int osr_wake_counter(void);

/// Opens a place only, which can be neither read nor written: O_PATH, which Swift does not see.
static const int OSR_PLACE = 010000000;

/// Opens `path`, which is relative, beneath the folder `root`: no component may be a symbolic link or lead out of it.
/// - Returns: a descriptor that is closed on exec, or a negative errno.
int osr_open_beneath(int root, const char *path, int flags, uint32_t mode);

/// Opens a folder, as a place only, by an absolute path of which no component is a symbolic link.
int osr_open_folder(const char *path);

/// Whether a program has capabilities of its own.
int osr_has_capabilities(const char *path);

/// What a rename does where something has the new name: take its place, fail, or exchange the two.
enum osr_rename_how { OSR_REPLACE = 0, OSR_KEEP = 1, OSR_EXCHANGE = 2 };

/// Gives what is called `name` in one open folder a name in another one. Links are renamed and not followed.
/// - Returns: 0, or an errno.
int osr_rename(int from, const char *name, int to, const char *new_name, int how);

/// The version of Landlock that this kernel has, or a negative errno.
int osr_landlock_version(void);

/// Whether systemd gave a control group, and all below, to whoever it belongs to: 1, or 0.
int osr_is_delegated(const char *group);

/// Whether a process here may make a user namespace: 0, or an errno. It is tried, in a process that ends at once.
int osr_try_user_namespace(void);

/// Which sockets of the internet families may be made.
enum osr_sockets {
  OSR_SOCKETS_NONE,
  /// TCP, and nothing that only looks like it.
  OSR_SOCKETS_TCP,
  OSR_SOCKETS_ALL,
};

/// Writes the filters of system calls to two descriptors as programs of the kernel: the list of what is permitted, and the
/// arguments that are refused in what it permits.
/// - Returns: 0, or an errno.
int osr_write_filters(int permitted, int refused, enum osr_sockets sockets);
