/// What single programs are known for.
extension CommandWalk {
  private static let administration: Set<String> = [
    "sudo", "su", "doas", "pkexec", "runuser", "run0", "setpriv", "sg", "newgrp", "chroot", "mount", "umount",
    "unshare",
    "nsenter", "capsh", "setcap", "systemctl", "systemd-run", "service", "init", "telinit", "shutdown",
    "reboot",
    "halt", "poweroff", "insmod", "modprobe", "rmmod", "kexec", "sysctl", "iptables", "ip6tables", "nft",
    "tc",
    "useradd", "userdel", "usermod", "groupadd", "groupdel", "adduser", "deluser", "passwd", "chpasswd",
    "visudo",
    "swapon", "swapoff", "losetup", "cryptsetup", "mknod", "pivot_root", "switch_root", "docker", "podman",
    "bwrap",
    "newuidmap", "newgidmap", "crontab", "at", "batch", "loginctl", "hostnamectl", "timedatectl", "bpftool",
    "dmesg",
  ]
  private static let destroyers: Set<String> = [
    "rm", "rmdir", "unlink", "shred", "srm", "wipe", "truncate", "wipefs", "blkdiscard", "fdisk", "sfdisk",
    "cfdisk",
    "parted", "sgdisk", "mkswap", "mke2fs", "trash", "rimraf",
  ]
  private static let networkers: Set<String> = [
    "curl", "wget", "aria2c", "axel", "http", "https", "xh", "ssh", "scp", "sftp", "mosh", "sshfs", "ftp",
    "lftp",
    "tftp", "telnet", "nc", "ncat", "netcat", "nc.openbsd", "nc.traditional", "socat", "ping", "ping6",
    "traceroute",
    "tracepath", "mtr", "dig", "host", "nslookup", "whois", "nmap", "tcpdump", "rclone", "s3cmd", "aws",
    "gcloud",
    "az", "gh", "glab", "kubectl", "helm", "terraform", "ansible", "youtube-dl", "yt-dlp", "lynx", "links",
    "w3m",
    "elinks", "mail", "sendmail", "msmtp", "swaks", "mutt", "irssi", "apt", "apt-get", "aptitude", "apk",
    "dnf", "yum",
    "zypper", "pacman", "snap", "flatpak", "brew", "npx", "bunx", "uvx", "pipx", "rustup", "ssh-keyscan",
    "ssh-copy-id",
    "docker", "podman", "skopeo", "redis-cli", "psql", "mysql", "mongosh",
  ]
  /// Programs that use the network for some of what they do.
  private static let networkOrders: [String: Set<String>] = [
    "pip": ["install", "download", "wheel", "index", "search"],
    "uv": ["pip", "add", "sync", "lock", "tool", "run", "publish", "python"],
    "poetry": ["install", "add", "update", "lock", "publish"],
    "conda": ["install", "create", "update", "env", "search"],
    "mamba": ["install", "create", "update", "search"],
    "npm": [
      "install", "i", "ci", "add", "update", "up", "upgrade", "exec", "x", "init", "create", "publish",
      "audit", "view",
      "search", "install-test", "it",
    ],
    "pnpm": ["install", "i", "add", "update", "up", "dlx", "create", "publish", "fetch", "audit"],
    "yarn": ["", "install", "add", "up", "upgrade", "dlx", "create", "publish", "audit"],
    "bun": ["install", "i", "add", "update", "x", "create", "publish"],
    "cargo": ["install", "fetch", "update", "publish", "search", "add", "login", "generate-lockfile"],
    "go": ["get", "install", "mod"], "gem": ["install", "update", "push", "fetch"],
    "bundle": ["", "install", "update", "add"],
    "composer": ["install", "update", "require", "create-project"],
    "swift": ["package"], "dotnet": ["restore", "add", "tool", "nuget"], "mix": ["deps.get", "local.hex"],
    "cpan": [""], "luarocks": ["install"], "deno": ["install", "cache", "add"],
    "ollama": ["pull", "push", "run"],
    "svn": ["checkout", "co", "update", "up", "commit", "ci", "export"],
    "hg": ["clone", "pull", "push", "incoming"],
  ]

  /// A program and its arguments.
  mutating func simple(_ words: [KnownWord], _ context: Context) {
    guard let first = words.first else {
      if context.isContinued, context.carriers > 0 { return }
      return
    }
    guard context.carriers < 32 else { return unknown(first.place, "too many programs are in each other") }
    guard let name = first.literal else {
      return unknown(
        first.place,
        first.holdsProcess
          ? "the program is made by another command" : "which program runs is known only when it does")
    }
    guard !name.isEmpty else { return }
    var names: Set<String> = []
    for folder in folders {
      let program = lookup.program(name, in: folder)
      names.formUnion(program.names.flatMap { [$0, Self.plain($0)] })
      if program.isPrivileged {
        findings.add(
          .privilegedExecutable, first.place.evidence("the program runs with the rights of another user"))
      }
      if !name.contains("/") || name.hasPrefix("/") { break }
    }
    for name in names.sorted() { judge(name, words, context) }
  }

  /// A name without the version at its end.
  static func plain(_ name: String) -> String {
    var plain = Substring(name)
    while let last = plain.unicodeScalars.last, last == "." || last == "-" || ("0"..."9").contains(last) {
      plain.unicodeScalars.removeLast()
    }
    return plain.isEmpty ? name : String(plain)
  }

  private mutating func judge(_ name: String, _ words: [KnownWord], _ context: Context) {
    let first = words[0].place
    let arguments = Array(words.dropFirst())
    if Self.administration.contains(name) {
      findings.add(.privilegedExecutable, first.evidence("'\(name)' is for administrators"))
    }
    if Self.destroyers.contains(name) || name.hasPrefix("mkfs") {
      findings.add(.destructiveCommand, first.evidence("'\(name)' removes or overwrites for good"))
    }
    if Self.networkers.contains(name) {
      findings.add(.network, first.evidence("'\(name)' is for the network"))
    }
    orders(name, words)
    switch name {
    case "git": git(words)
    case "find", "fd", "fdfind": find(words, context)
    case "cd", "pushd": enter(arguments.first { $0.literal?.hasPrefix("-") != true || $0.literal == "-" })
    case "tar", "bsdtar": tar(words, context)
    case "rsync": rsync(words)
    case "rg"
    where arguments.contains { $0.beginning.hasPrefix("--pre") && !$0.beginning.hasPrefix("--pretty") },
      "sort" where arguments.contains { $0.beginning.hasPrefix("--compress-prog") },
      "split" where arguments.contains { $0.beginning.hasPrefix("--filter") }:
      findings.add(.inlineScript, first.evidence("an option of '\(name)' runs another program"))
    default: break
    }
    carry(name, words, context)
    shellWords(name, words, context)
    interpret(name, words, context)
    writes(of: name, arguments)
  }

  private mutating func orders(_ name: String, _ words: [KnownWord]) {
    guard let orders = Self.networkOrders[name] else { return }
    let order = words.dropFirst().first { !$0.beginning.hasPrefix("-") }
    if let order, !order.isWhole {
      return unknown(order.place, "what '\(name)' does is known only when it runs")
    }
    if orders.contains(order?.text ?? "") {
      findings.add(.network, (order ?? words[0]).place.evidence("'\(name)' fetches or sends for that"))
    }
  }

  private mutating func tar(_ words: [KnownWord], _ context: Context) {
    for (index, word) in words.enumerated().dropFirst() {
      let text = word.beginning
      if text == "--remove-files" {
        findings.add(.destructiveCommand, word.place.evidence("tar removes the files that it takes"))
      }
      let runs = [
        "--to-command", "--checkpoint-action", "--use-compress-program", "--info-script",
        "--new-volume-script", "--rsh-command", "--rmt-command",
      ]
      if runs.contains(where: { text.hasPrefix($0) })
        || (text == "-I" || text == "-F") && index + 1 < words.count
      {
        findings.add(.inlineScript, word.place.evidence("this option runs another program"))
      }
    }
  }

  private mutating func rsync(_ words: [KnownWord]) {
    for word in words.dropFirst() {
      let text = word.beginning
      if text.hasPrefix("--del") || text == "--remove-source-files" {
        findings.add(.destructiveCommand, word.place.evidence("rsync removes files"))
      } else if text.hasPrefix("rsync://") || (!text.hasPrefix("-") && Self.isRemote(text)) {
        findings.add(.network, word.place.evidence("a place on another machine"))
      }
    }
  }

  /// Whether a word is a place on another machine, as `host:path`.
  private static func isRemote(_ text: String) -> Bool {
    guard let colon = text.firstIndex(of: ":") else { return false }
    return !text[..<colon].contains("/") && !text[..<colon].isEmpty
  }
}
