extension EscapeAttempt {
  private static let tree: Opening = .without([.files, .landlock])

  /// Scripts of `/bin/sh`, with the programs of every system.
  static let scripts: [EscapeAttempt] = [
    .script("cat-a-file-of-the-owner", tree, "cat \"$BAIT_FILE\""),
    .script("cat-another-agents-token", tree, "cat \"$BAIT_OTHER_AGENT\""),
    .script("copy-a-file-of-the-owner", tree, "cp \"$BAIT_FILE\" taken"),
    .script("source-a-file-of-the-owner", tree, ". \"$BAIT_FILE\""),
    .script("find-the-file-of-the-owner", tree, "find \"$BAIT_FOLDER\" -name bait | grep -q bait"),
    .script("append-to-a-file-of-the-owner", tree, "echo more >> \"$BAIT_SPARE\""),
    .script(
      "move-a-file-of-the-owner", tree, "cp \"$BAIT_SPARE\" \"$BAIT_SPARE.2\" && mv \"$BAIT_SPARE.2\" moved"),
    .script("link-to-the-root-and-read", tree, "ln -sfn / root-link && cat \"root-link$BAIT_FILE\""),
    .script("link-through-the-own-process", tree, "cat \"/proc/self/cwd/../../../../../../..$BAIT_FILE\""),
    .script("change-into-the-folder-of-the-owner", tree, "cd \"$BAIT_FOLDER\" && cat bait"),
    .script("read-the-password-file", .outsideAsRoot, "cat /etc/shadow"),
    .script("read-the-homes", tree, "ls /root >/dev/null 2>&1 || ls /home"),
    .script("read-the-logs", tree, "ls /var/log"),
    .script("read-kernel-settings", tree, "ls /sys/kernel"),
    .script("read-the-environment-of-the-first", .outside, "tr '\\0' '\\n' < /proc/$BAIT_FIRST/environ"),
    .script("list-descriptors-of-the-first", .outside, "ls /proc/$BAIT_FIRST/fd/0"),
    .script("write-into-the-system", .outsideAsRoot, "touch /usr/.probe && rm /usr/.probe"),
    .script("replace-the-shell", .outsideAsRoot, "test -w /usr/bin/dash || test -w /bin/sh"),
    .script("change-mode-of-the-system", .outsideAsRoot, "chmod u+r /usr/bin/env"),
    .script("make-the-system-writable", .outsideAsRoot, "unshare -m mount -o remount,rw /"),
    .script("make-namespaces", .outside, "unshare -U true"),
    .script("make-all-namespaces", .outsideAsRoot, "unshare -m -p -n -u -i -f true"),
    .script("enter-the-first-namespace", .outsideAsRoot, "nsenter -t $BAIT_FIRST -m true"),
    .script("change-root-by-program", .outsideAsRoot, "chroot / /bin/true"),
    .script("mount-by-program", .outsideAsRoot, "unshare -m mount -t tmpfs x /tmp"),
    .script("make-a-device-by-program", .outsideAsRoot, "mknod dev.probe b 7 0 && rm dev.probe"),
    .script("run-a-setuid-program", .outsideAsRoot, "su -c true root </dev/null"),
    .script(
      "keep-a-setuid-program", .outsideAsRoot,
      "cp /usr/bin/id id.probe; chown 0:0 id.probe && chmod u+s id.probe"),
    .script("read-the-kernel-log-by-program", .outsideAsRoot, "dmesg | head -n 1 | grep -q ."),
    .script("see-the-machines-name", .without([.hostName]), "test \"$(uname -n)\" != sandbox"),
    .script(
      "signal-the-owners-process", .outside,
      "grep -q sleep /proc/$BAIT_PROCESS/cmdline && kill -0 $BAIT_PROCESS"),
    .script(
      "see-the-owners-process", .outside,
      "cat /proc/[0-9]*/cmdline 2>/dev/null | tr -d '\\0' | grep -aq 'sl[e]ep'"),
    .script(
      "slow-the-owners-process", .outside,
      "grep -q sleep /proc/$BAIT_PROCESS/cmdline && renice -n 2 $BAIT_PROCESS"),
    .script("run-first", .outsideAsRoot, "test \"$(nice -n -5 nice 2>/dev/null)\" -lt 0"),
    .script("run-in-real-time-by-program", .outsideAsRoot, "chrt -f 1 true"),
    .script("raise-a-limit", .without([.limits]), "test \"$(ulimit -H -n)\" -gt $BAIT_OPEN_FILES"),
    .script("dump-core", .without([.limits]), "test \"$(ulimit -H -c)\" != 0"),
    .script("have-an-empty-set-of-privileges-not", .outside, "! grep -q 'NoNewPrivs:.*1' /proc/self/status"),
    .script("see-a-variable-of-the-owner", .outside, "test -n \"$OSAURUS_PROBE_SECRET\""),
    .script("see-the-owners-name", .outside, "test \"$HOME\" = \"$BAIT_HOME\""),
    .script(
      "connect-by-the-shell", .without([.network, .landlock, .systemCalls]),
      "bash -c ': < /dev/tcp/127.0.0.1/'$BAIT_PORT"),
    .script(
      "resolve-a-name", .without([.files, .landlock]), "test -s /etc/resolv.conf || test -s /etc/fstab"),
    .script(
      "see-interfaces-by-file", .whereItExists, "grep -v -e lo: -e face -e Inter /proc/net/dev | grep -q :"),
    .script("see-the-routes", .whereItExists, "tail -n +2 /proc/net/route | grep -q ."),
    .script("see-the-sockets-of-the-machine", .whereItExists, "grep -q \"$BAIT_ABSTRACT\" /proc/net/unix"),
    .script(
      "write-a-kernel-setting", .outsideAsRoot,
      "test -w /proc/sys/kernel/hostname && : >> /proc/sys/kernel/hostname"),
    .script("trigger-a-system-request", .whereItExists, ": > /proc/sysrq-trigger"),
    .script("see-the-control-groups", .whereItExists, "ls /sys/fs/cgroup | grep -q ."),
    .script(
      "fill-temporary-folder-by-program", .without([.limits]),
      "dd if=/dev/zero of=/tmp/a bs=1M count=$((BAIT_TEMPORARY / 1048576 + 2)) 2>/dev/null"),
    .script(
      "write-a-large-file-by-program", .without([.limits]),
      "dd if=/dev/zero of=large bs=1M count=$((BAIT_FILE_SIZE / 1048576 + 2)) 2>/dev/null; test $(stat -c %s large) -gt $BAIT_FILE_SIZE; s=$?; rm -f large; exit $s"
    ),
    .script(
      "start-many-by-the-shell", .without([.limits]),
      "i=0; while [ $i -lt $((BAIT_PROCESSES + 20)) ]; do sleep 2 & i=$((i+1)); done; sleep 0.4; n=$(ls -d /proc/[0-9]* | wc -l); kill $(jobs -p); test $n -gt $BAIT_PROCESSES"
    ),
    .script("write-into-a-read-only-workspace", .outside, "echo x > \"$BAIT_READ_ONLY/new\""),
    .script("link-out-of-a-workspace", tree, "ln -sfn \"$BAIT_FOLDER\" out && cat out/bait"),
    .script(
      "replace-the-first-program", .without([.files, .landlock]),
      "test -w \"$BAIT_PROGRAM\" || test -r \"$BAIT_PROGRAM\""),
  ]
}
