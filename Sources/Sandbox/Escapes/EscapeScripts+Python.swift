extension EscapeAttempt {
  // Without a tree of its own, what the disk holds counts as memory, which ends what takes as long as Python to start.
  private static let tree: Opening = .without([.files, .landlock, .limits])
  private static let calls: Opening = .without([.systemCalls])

  /// Scripts that Python runs, with the system calls that a shell cannot make.
  static let pythonScripts: [EscapeAttempt] = pythonFiles + pythonCalls + pythonProcesses + pythonExhaustion

  /// A script that is out where it says `out(True)`; where something goes wrong on the way, it is not.
  private static func python(_ name: String, _ opening: Opening, _ text: String) -> EscapeAttempt {
    .script(
      "\(name)-by-python", opening,
      """
      command -v python3 >/dev/null || exit 3
      exec python3 -I - <<'END'
      import ctypes, mmap, os, resource, socket, stat, sys, threading
      c = ctypes.CDLL(None, use_errno=True)
      def bait(name): return os.environ["BAIT_" + name]
      def number(name): return int(bait(name))
      def out(is_out): os._exit(0 if is_out else 1)
      \(text)
      END
      """)
  }

  private static let pythonFiles: [EscapeAttempt] = [
    python("list-the-folder-of-the-owner", tree, "out('bait' in os.listdir(bait('FOLDER')))"),
    python("link-a-file-of-the-owner", tree, "os.link(bait('SPARE'), 'taken'); out(True)"),
    python(
      "map-a-file-of-the-owner", tree,
      "f = open(bait('FILE'), 'rb'); out(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:4] == b'BAIT')"),
    python(
      "open-a-link-to-a-file", tree, "os.symlink(bait('FILE'), 'link'); out('BAIT' in open('link').read())"),
    python(
      "open-beside-an-open-root", tree,
      "root = os.open('/', os.O_PATH); out(os.read(os.open(bait('FILE')[1:], os.O_RDONLY, dir_fd=root), 4) == b'BAIT')"
    ),
    python(
      "exchange-a-link-while-it-is-opened", tree,
      """
      def exchange():
        while True:
          for target in ("/dev/null", bait("FILE")):
            os.symlink(target, "next"); os.rename("next", "link")
      os.symlink("/dev/null", "link")
      threading.Thread(target=exchange, daemon=True).start()
      for _ in range(200):
        try:
          if "BAIT" in open("link").read(): out(True)
        except OSError: pass
      out(False)
      """),
    python(
      "find-a-leaked-descriptor", .outside,
      """
      for fd in os.listdir("/proc/self/fd"):
        try:
          if int(fd) > 2: os.fstat(int(fd)); out(True)
        except OSError: pass
      out(False)
      """),
    python(
      "make-a-device", .outsideAsRoot,
      "os.mknod('device', stat.S_IFCHR | 0o600, os.makedev(1, 3)); out(True)"),
    python("change-the-root", .outsideAsRoot, "os.chroot('/'); out(True)"),
  ]

  private static let pythonCalls: [EscapeAttempt] = [
    python("be-traced", calls, "out(c.ptrace(0, 0, None, None) == 0)"),
    python(
      "read-memory-of-a-process", calls,
      """
      class Piece(ctypes.Structure): _fields_ = [("place", ctypes.c_void_p), ("size", ctypes.c_size_t)]
      def piece(buffer): return ctypes.byref(Piece(ctypes.addressof(buffer), 4))
      there, here = ctypes.create_string_buffer(b"word"), ctypes.create_string_buffer(8)
      one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
      out(c.process_vm_readv(os.getpid(), piece(here), one, piece(there), one, none) == 4 and here.value == b"word")
      """),
    python("keep-a-file-in-memory", calls, "out(os.memfd_create('file') >= 0)"),
    python("make-addresses-predictable", calls, "out(c.personality(ctypes.c_ulong(0x0040000)) != -1)"),
    python("adjust-the-clock", calls, "out(c.adjtimex(ctypes.create_string_buffer(512)) >= 0)"),
    python(
      "make-shared-memory", calls,
      "segment = c.shmget(0, ctypes.c_size_t(4096), 0o600); c.shmctl(segment, 0, None); out(segment >= 0)"),
    python(
      "make-a-queue-of-messages", calls,
      "queue = c.msgget(0, 0o600); c.msgctl(queue, 0, None); out(queue >= 0)"),
    python("make-semaphores", calls, "set = c.semget(0, 1, 0o600); c.semctl(set, 0, 0); out(set >= 0)"),
    python("talk-to-the-kernel", calls, "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); out(True)"),
    python("make-an-internet-socket", calls, "socket.socket(socket.AF_INET, socket.SOCK_STREAM); out(True)"),
    python("make-a-datagram-socket", calls, "socket.socket(socket.AF_INET, socket.SOCK_DGRAM); out(True)"),
    python("make-a-namespace", .outside, "out(c.unshare(0x10000000) == 0)"),
    python(
      "connect-to-loopback", .without([.network, .landlock, .systemCalls]),
      "socket.create_connection(('127.0.0.1', number('PORT')), 5); out(True)"),
    python(
      "send-a-datagram", .without([.network, .systemCalls]),
      "out(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', number('DATAGRAM_PORT'))) == 1)"
    ),
    python(
      "connect-to-a-socket-file", tree, "socket.socket(socket.AF_UNIX).connect(bait('SOCKET')); out(True)"),
    python(
      "connect-to-an-abstract-socket", .without([.network, .landlock]),
      "socket.socket(socket.AF_UNIX).connect('\\0' + bait('ABSTRACT')); out(True)"),
    python(
      "take-shared-memory-of-others", .without([.interprocess, .systemCalls]),
      "out(c.shmget(number('SHARED_MEMORY'), ctypes.c_size_t(0), 0) >= 0)"),
  ]

  private static let pythonProcesses: [EscapeAttempt] = [
    python(
      "signal-the-owners-process", .outside,
      "os.kill(number('PROCESS'), 0); out('sleep' in open('/proc/%d/cmdline' % number('PROCESS')).read())"),
    python("hold-the-owners-process", .outside, "out(os.pidfd_open(number('PROCESS')) >= 0)"),
    python(
      "read-the-limits-of-the-owners-process", .outside,
      "resource.prlimit(number('PROCESS'), resource.RLIMIT_NOFILE); out(True)"),
    python(
      "read-the-environment-of-the-owners-process", .outside,
      "open('/proc/%d/environ' % number('PROCESS')).read(); out(True)"),
    python("become-root", .outsideAsRoot, "os.setresuid(0, 0, 0); out(True)"),
    python("join-a-group", .outsideAsRoot, "os.setgroups([0]); out(True)"),
    python("run-before-all-others", .outsideAsRoot, "os.setpriority(os.PRIO_PROCESS, 0, -5); out(True)"),
  ]

  private static let pythonExhaustion: [EscapeAttempt] = [
    python("take-too-much-memory", .without([.limits]), "out(len(bytearray(2 * number('MEMORY'))) > 0)"),
    python(
      "open-too-many-files", .without([.limits]),
      "out(len([os.open('/dev/null', os.O_RDONLY) for _ in range(number('OPEN_FILES') + 20)]) > 0)"),
    python(
      "make-too-large-a-file", .without([.limits]),
      "open('large', 'wb').truncate(2 * number('FILE_SIZE')); os.unlink('large'); out(True)"),
    python(
      "start-too-many-threads", .without([.limits]),
      """
      threading.stack_size(1 << 16)
      for _ in range(number("PROCESSES") + 20):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
      threading.Event().wait(1)
      out(True)
      """),
    python(
      "have-a-higher-limit", .without([.limits]),
      "out(resource.getrlimit(resource.RLIMIT_NOFILE)[1] > number('OPEN_FILES'))"),
  ]
}
