/// Programs whose arguments are another command.
extension CommandWalk {
  /// How the arguments of a carrier are read until its command begins.
  struct Carrier {
    /// Letters of options that take a value.
    var letters = ""
    /// Long options that take their value as the next word.
    var words: Set<String> = []
    /// Arguments of its own before the command.
    var operands = 0
    /// Whether variables may be set before the command.
    var assigns = false
  }

  private static let carriers: [String: Carrier] = [
    "env": Carrier(letters: "uC", words: ["--unset", "--chdir"], assigns: true),
    "nohup": Carrier(), "setsid": Carrier(), "builtin": Carrier(), "exec": Carrier(letters: "a"),
    "command": Carrier(), "nice": Carrier(letters: "n", words: ["--adjustment"]),
    "ionice": Carrier(letters: "cnpPu", words: ["--class", "--classdata"]),
    "timeout": Carrier(letters: "ks", words: ["--kill-after", "--signal"], operands: 1),
    "stdbuf": Carrier(letters: "ioe", words: ["--input", "--output", "--error"]),
    "time": Carrier(letters: "fo", words: ["--format", "--output"]),
    "xargs": Carrier(
      letters: "adEILlnPs",
      words: [
        "--arg-file", "--delimiter", "--max-args", "--max-procs", "--max-chars", "--process-slot-var",
        "--max-lines",
      ]),
    "sudo": Carrier(letters: "ugCDghpRrTtU", words: ["--user", "--group", "--chdir"], assigns: true),
    "doas": Carrier(letters: "uC"), "chroot": Carrier(operands: 1), "unshare": Carrier(letters: "SGRw"),
    "nsenter": Carrier(letters: "tSGrw"), "setpriv": Carrier(), "pkexec": Carrier(words: ["--user"]),
    "flock": Carrier(letters: "wEo", words: ["--timeout", "--wait", "--conflict-exit-code"], operands: 1),
    "strace": Carrier(letters: "aeEIoOpPsSuUX"), "ltrace": Carrier(letters: "aeloFnpsuwxX"),
    "gdb": Carrier(), "valgrind": Carrier(), "perf": Carrier(operands: 1), "taskset": Carrier(operands: 1),
    "chrt": Carrier(letters: "TPD", operands: 1), "prlimit": Carrier(), "setarch": Carrier(operands: 1),
    "linux32": Carrier(), "linux64": Carrier(), "numactl": Carrier(), "fakeroot": Carrier(letters: "lfsib"),
    "xvfb-run": Carrier(letters: "efnpsw"), "dbus-run-session": Carrier(), "catchsegv": Carrier(),
    "busybox": Carrier(), "toybox": Carrier(), "coreutils": Carrier(), "entr": Carrier(),
    "ld-linux-x86-64.so": Carrier(words: ["--library-path", "--preload", "--argv0"]),
    "ld-linux-aarch64.so": Carrier(words: ["--library-path", "--preload", "--argv0"]),
    "choom": Carrier(letters: "n"), "runcon": Carrier(letters: "crtul", operands: 1),
    "uclampset": Carrier(letters: "mMp"),
    "systemd-run": Carrier(letters: "puM"), "systemd-inhibit": Carrier(), "unbuffer": Carrier(letters: "p"),
    "parallel": Carrier(letters: "jIaSdNnL"), "watch": Carrier(letters: "nq"), "script": Carrier(),
    "su": Carrier(),
    "runuser": Carrier(letters: "ugGs"), "bwrap": Carrier(), "torsocks": Carrier(),
    "proxychains": Carrier(letters: "f"),
  ]

  /// Follows a carrier to the command that it carries.
  mutating func carry(_ name: String, _ words: [KnownWord], _ context: Context) {
    guard let carrier = Self.carriers[name] else { return }
    let first = words[0].place
    if ["command", "sudo"].contains(name), words.count > 1, ["-v", "-V", "-l"].contains(words[1].literal) {
      return
    }
    if ["script", "su", "runuser", "flock", "watch", "parallel", "sg"].contains(name) {
      textOption(name, words, context)
    }
    guard !["script", "su"].contains(name) else { return }
    var inside = context
    inside.carriers += 1
    var (token, start) = ("", 1)
    if name == "env" { splitString(words, inside) }
    if name == "xargs" || name == "parallel" {
      inside.isContinued = true
      // What stands for a line of the input.
      token = name == "parallel" ? "{" : Self.replacement(words)
      inside.feed = .nothing
    }
    if let place = commandStart(carrier, words) {
      start = place
    } else {
      if inside.isContinued, name == "parallel" {
        unknown(first, "what runs is read from the input")
      }
      return
    }
    simple(words[start...].map { $0.filled(at: token) }, inside)
  }

  /// What xargs puts a line of its input in the place of.
  private static func replacement(_ words: [KnownWord]) -> String {
    for (index, word) in words.enumerated().dropFirst() {
      let text = word.beginning
      guard text.hasPrefix("-") else { return "" }
      if text == "-I" { return index + 1 < words.count ? words[index + 1].text : "" }
      if text.hasPrefix("-I") { return String(text.dropFirst(2)) }
      if text == "-i" || text == "--replace" { return "{}" }
      if text.hasPrefix("-i") { return String(text.dropFirst(2)) }
      if text.hasPrefix("--replace=") { return String(text.dropFirst(10)) }
    }
    return ""
  }

  /// Where the command of a carrier begins; nil where there is none.
  private mutating func commandStart(_ carrier: Carrier, _ words: [KnownWord]) -> Int? {
    var (index, operands) = (1, carrier.operands)
    var takesOptions = true
    while index < words.count {
      let word = words[index]
      let text = word.beginning
      if takesOptions, text == "--", word.isWhole {
        takesOptions = false
        index += 1
      } else if takesOptions, text.hasPrefix("--") {
        index += !text.contains("=") && carrier.words.contains(text) ? 2 : 1
      } else if takesOptions, text.hasPrefix("-") {
        // The first letter that takes a value takes the rest of the word, or the next one.
        let letters = text.dropFirst()
        let value = letters.firstIndex { carrier.letters.contains($0) }
        index += value != nil && value == letters.indices.last ? 2 : 1
      } else if carrier.assigns, let sign = text.firstIndex(of: "="),
        VariableRules.isName(String(text[..<sign]))
      {
        assigned(String(text[..<sign]), word.place)
        index += 1
      } else if operands > 0 {
        operands -= 1
        index += 1
      } else {
        return index
      }
    }
    return nil
  }

  /// `env -S 'a command'`.
  private mutating func splitString(_ words: [KnownWord], _ context: Context) {
    for (index, word) in words.enumerated().dropFirst() {
      let text = word.beginning
      guard text.hasPrefix("-") else { return }
      if text.hasPrefix("--split-string=") {
        return shellText(word.dropping("--split-string="), context)
      }
      let isCluster = !text.hasPrefix("--") && text.contains("S")
      guard isCluster || text == "--split-string" else { continue }
      if isCluster, let letter = text.firstIndex(of: "S"), text.index(after: letter) < text.endIndex {
        return shellText(word.dropping(String(text[...letter])), context)
      }
      if index + 1 < words.count { shellText(words[index + 1], context) }
      return
    }
  }

  /// Programs that give a text to a shell: as the value of `-c`, or as their words together.
  private mutating func textOption(_ name: String, _ words: [KnownWord], _ context: Context) {
    if name == "watch" || name == "parallel" {
      for word in words.dropFirst() where word.literal?.contains(" ") == true { shellText(word, context) }
      return
    }
    for (index, word) in words.enumerated().dropFirst() {
      let text = word.beginning
      if text.hasPrefix("--command=") {
        shellText(word.dropping("--command="), context)
      } else if text == "--command" || (text.hasPrefix("-") && !text.hasPrefix("--") && text.hasSuffix("c")) {
        if index + 1 < words.count { shellText(words[index + 1], context) }
      }
    }
  }

  /// `find`, which removes, runs and writes.
  mutating func find(_ words: [KnownWord], _ context: Context) {
    let isFind =
      words.first?.literal?.hasSuffix("find") == true && words.first?.literal?.hasSuffix("fdfind") != true
    let starts: Set<String> =
      isFind ? ["-exec", "-execdir", "-ok", "-okdir"] : ["-x", "-X", "--exec", "--exec-batch"]
    var inside = context
    inside.carriers += 1
    var index = 1
    while index < words.count {
      let word = words[index]
      index += 1
      guard let option = word.literal else { continue }
      if option == "-delete" {
        findings.add(.destructiveCommand, word.place.evidence("find removes what it finds"))
      } else if ["-fprint", "-fprint0", "-fls", "-fprintf"].contains(option), index < words.count {
        write(to: words[index])
      } else if starts.contains(option) {
        let end = words[index...].firstIndex { $0.literal == ";" || $0.literal == "+" } ?? words.count
        simple(words[index..<end].map { $0.filled(at: isFind ? "{}" : "{") }, inside)
        index = end
      }
    }
  }

  // MARK: Shells

  private static let shells: Set<String> = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "rbash", "yash", "fish", "hush", "lksh", "posh",
  ]

  /// Shells, and the words by which one reads more text.
  mutating func shellWords(_ name: String, _ words: [KnownWord], _ context: Context) {
    let arguments = Array(words.dropFirst())
    switch name {
    case _ where Self.shells.contains(name): shell(words, context)
    case "eval":
      guard !arguments.isEmpty else { return }
      guard arguments.allSatisfy(\.isWhole) else {
        return unknown(words[0].place, "what eval runs is known only when it does")
      }
      let text = arguments.map(\.text).joined(separator: " ")
      inner.append(
        Inner(text: ShellText(text, origin: words[0].place, depth: context.depth + 1), feed: context.feed))
    case "source", ".":
      guard let file = arguments.first else { return }
      scriptFile(file, words[0], context)
    case "trap":
      if let text = arguments.first, arguments.count > 1, text.literal != "-" {
        shellText(text, context, feed: .nothing)
      }
    case "alias":
      for word in arguments {
        guard let sign = word.beginning.firstIndex(of: "=") else { continue }
        shellText(word.dropping(String(word.beginning[...sign])), context, feed: .nothing)
      }
    case "mapfile", "readarray":
      if let place = arguments.firstIndex(where: { $0.literal == "-C" }), place + 1 < arguments.count {
        shellText(arguments[place + 1], context, feed: .nothing)
      }
    case "hash" where arguments.contains { $0.beginning.hasPrefix("-p") },
      "enable" where arguments.contains { $0.beginning.hasPrefix("-f") }:
      findings.add(.shellExpansion, words[0].place.evidence("'\(name)' gives a name another meaning"))
    default: break
    }
  }

  private mutating func shell(_ words: [KnownWord], _ context: Context) {
    let first = words[0].place
    var (index, readsText, readsInput) = (1, false, false)
    while index < words.count {
      let word = words[index]
      let text = word.beginning
      guard text.hasPrefix("-") || text.hasPrefix("+"), text.count > 1 else {
        if !word.isWhole, word.isSplit, !readsText {
          return unknown(word.place, "what the shell is told is known only when it runs")
        }
        break
      }
      index += 1
      if text == "--" { break }
      if text.hasPrefix("--") {
        if ["--rcfile", "--init-file"].contains(text) { index += 1 }
        continue
      }
      if text.contains("c"), text.hasPrefix("-") { readsText = true }
      if text.contains("s"), text.hasPrefix("-") { readsInput = true }
      // The name of an option follows.
      if text.hasSuffix("o") || text.hasSuffix("O") { index += 1 }
    }
    if readsText {
      guard index < words.count else {
        return unknown(first, "what the shell reads is known only when it runs")
      }
      return shellText(words[index], context)
    }
    if index < words.count, !readsInput { return scriptFile(words[index], words[0], context) }
    readInput(words[0], context, isShell: true)
  }

  /// A file with text that a shell or an interpreter reads.
  mutating func scriptFile(_ file: KnownWord, _ program: KnownWord, _ context: Context) {
    if file.holdsProcess {
      findings.add(.inlineScript, file.place.evidence("'\(program.text)' runs what another command says"))
      return
    }
    guard let path = file.literal else {
      return unknown(file.place, "which script '\(program.text)' runs is known only when it does")
    }
    if ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "-"].contains(path) {
      readInput(
        program, context,
        isShell: Self.shells.contains(program.text) || ["source", "."].contains(program.text))
    } else if path.hasPrefix("/dev/fd/") || path.hasPrefix("/proc/self/fd/") {
      findings.add(.inlineScript, file.place.evidence("'\(program.text)' runs what an open file says"))
    }
  }

  /// A shell or an interpreter that runs what it reads on its standard input.
  mutating func readInput(_ program: KnownWord, _ context: Context, isShell: Bool) {
    let reason: String
    switch context.feed {
    case .nothing: return
    case .pipe: reason = "'\(program.text)' runs what another command says"
    case .file: reason = "'\(program.text)' runs what a file says"
    case .text(let text):
      reason = "'\(program.text)' runs a text that is in the command"
      if isShell, let text {
        inner.append(
          Inner(text: ShellText(text, origin: program.place, depth: context.depth + 1), feed: .nothing))
      }
    }
    findings.add(.inlineScript, program.place.evidence(reason))
  }
}

extension KnownWord {
  /// The same without its beginning.
  func dropping(_ beginning: String) -> KnownWord { KnownWord(self, without: beginning) }
}
