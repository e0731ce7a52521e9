/// Walks all of a command and finds what it needs. It runs nothing; of this machine it looks only at which file a program is.
struct CommandWalk {
  /// What a command reads on its standard input.
  enum Feed: Sendable {
    /// What the sandbox gives it.
    case nothing
    /// What another command writes.
    case pipe
    /// A text that is written in the command; nil where the shell makes a part of it.
    case text(String?)
    /// A file.
    case file(KnownWord)
  }

  /// A text for a shell that was found in the command, and has to be read in turn.
  struct Inner: Sendable {
    let text: ShellText
    let feed: Feed
  }

  /// A place in a workspace that is written to.
  struct Write: Hashable, Sendable {
    let place: GeneratedPlaces.Place
    let word: WordPlace
  }

  /// Folders of which is kept where the command may be.
  static let mostFolders = 8

  var findings = Findings()
  /// Texts that wait to be read.
  var inner: [Inner] = []
  private(set) var writes: [Write] = []
  let lookup: ExecutableLookup
  private let generated: GeneratedPlaces
  /// Where the command may be, as far as its words tell.
  private(set) var folders: [String]

  init(_ profile: SandboxProfile, folder: String) {
    lookup = ExecutableLookup(profile)
    generated = GeneratedPlaces(profile)
    folders = [folder]
  }

  // MARK: The tree

  mutating func walk(_ node: ShellNode, in source: ShellText, feed: Feed = .nothing) {
    if node.isStatement { return statement(node, in: source, feed: feed) }
    switch node.type {
    case "CallExpr": return call(node, in: source, feed: feed)
    case "BinaryCmd":
      let sign = node.positions["OpPos"] ?? -1
      let isPipe = source.has("|", at: sign) && !source.has("||", at: sign)
      for part in node.list("X") { walk(part, in: source, feed: feed) }
      for part in node.list("Y") { walk(part, in: source, feed: isPipe ? .pipe : feed) }
      return
    case "CmdSubst":
      findings.add(
        .shellExpansion,
        source.place(of: node).evidence("what a command says becomes a part of the command"))
    case "ProcSubst":
      findings.add(
        .shellExpansion, source.place(of: node).evidence("another command runs in the place of a file"))
    case "DeclClause":
      for assign in node.list("Args") { assignment(assign, in: source) }
    default: break
    }
    for part in node.all { walk(part, in: source, feed: feed) }
  }

  private mutating func statement(_ node: ShellNode, in source: ShellText, feed: Feed) {
    var feed = feed
    for redirection in node.list("Redirs") {
      if let input = self.redirection(redirection, in: source) { feed = input }
    }
    for command in node.list("Cmd") { walk(command, in: source, feed: feed) }
  }

  private mutating func call(_ node: ShellNode, in source: ShellText, feed: Feed) {
    for assign in node.list("Assigns") { assignment(assign, in: source) }
    for part in node.all { for inner in part.all { walk(inner, in: source, feed: feed) } }
    simple(
      node.list("Args").map { KnownWord($0, in: source, home: lookup.home) },
      Context(feed: feed, depth: source.depth))
  }

  // MARK: Redirections

  /// - Returns: what standard input is then, where it is about that.
  private mutating func redirection(_ node: ShellNode, in source: ShellText) -> Feed? {
    for part in node.all { for inner in part.all { walk(inner, in: source) } }
    let sign = node.positions["OpPos"] ?? node.start
    let isInput = node.part("N").map { $0.text == "0" } ?? true
    guard let target = node.part("Word").map({ KnownWord($0, in: source, home: lookup.home) }) else {
      return nil
    }
    if source.has("<<<", at: sign) { return isInput ? .text(target.literal) : nil }
    if source.has("<<", at: sign) { return isInput ? .text(Self.document(node)) : nil }
    if target.beginning.hasPrefix("/dev/tcp/") || target.beginning.hasPrefix("/dev/udp/") {
      findings.add(.network, target.place.evidence("bash opens a connection for that"))
    }
    let isDuplicate =
      source.has("<&", at: sign)
      || (source.has(">&", at: sign)
        && (target.literal?.utf8.allSatisfy {
          UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || $0 == UInt8(ascii: "-")
        }
          ?? false))
    if isDuplicate { return nil }
    if !source.has("<", at: sign) || source.has("<>", at: sign) { write(to: target) }
    return source.has("<", at: sign) && isInput ? .file(target) : nil
  }

  /// What a here-document says; nil where the shell makes a part of it.
  private static func document(_ node: ShellNode) -> String? {
    let parts = node.part("Hdoc")?.list("Parts") ?? []
    guard parts.allSatisfy({ $0.type == "Lit" }) else { return nil }
    return parts.map(\.text).joined()
  }

  // MARK: Assignments

  /// Variables by which a program loads or runs something else.
  private static let hooks: Set<String> = [
    "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND", "LD_PRELOAD", "LD_AUDIT",
    "LD_LIBRARY_PATH", "PYTHONSTARTUP", "PYTHONPATH", "PYTHONHOME", "PERL5OPT", "PERL5LIB", "PERL5DB",
    "RUBYOPT",
    "RUBYLIB", "NODE_OPTIONS", "NODE_PATH", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_PAGER", "GIT_EDITOR",
    "GIT_EXTERNAL_DIFF", "GIT_ASKPASS", "GIT_PROXY_COMMAND", "GIT_EXEC_PATH", "GIT_CONFIG_PARAMETERS",
    "GIT_SEQUENCE_EDITOR", "PAGER", "MANPAGER", "EDITOR", "VISUAL", "BROWSER", "LESSOPEN", "LESSCLOSE",
    "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "RUSTC_WRAPPER", "MAKEFLAGS",
  ]

  private mutating func assignment(_ node: ShellNode, in source: ShellText) {
    guard let name = node.part("Name")?.text else { return }
    // Without a value nothing changes.
    guard node.part("Value") != nil || node.part("Array") != nil else { return }
    assigned(name, source.place(of: node))
  }

  mutating func assigned(_ name: String, _ place: WordPlace) {
    if name == "PATH" || name == "IFS" {
      findings.add(.shellExpansion, place.evidence("\(name) changes which programs the words after it mean"))
    } else if Self.hooks.contains(name) || name.hasPrefix("BASH_FUNC_") || name.hasPrefix("GIT_CONFIG_") {
      findings.add(.inlineScript, place.evidence("\(name) makes programs load or run something else"))
    }
  }

  // MARK: Places

  /// Notes that a word is written to.
  mutating func write(to word: KnownWord) {
    guard !generated.isEmpty, let path = word.literal else { return }
    for folder in folders {
      guard let place = generated.place(path.hasPrefix("/") ? path : "\(folder)/\(path)") else { continue }
      let write = Write(place: place, word: word.place)
      if !writes.contains(write), writes.count < 256 { writes.append(write) }
    }
  }

  /// Notes that the command may be somewhere else from here on.
  mutating func enter(_ word: KnownWord?) {
    guard folders.count < Self.mostFolders, let path = word.map(\.literal) ?? lookup.home, path != "-" else {
      return
    }
    for folder in folders {
      let there = path.hasPrefix("/") ? path : "\(folder)/\(path)"
      if !folders.contains(there), folders.count < Self.mostFolders { folders.append(there) }
    }
  }

  // MARK: What is not known

  /// What circumstances a simple command has.
  struct Context: Sendable {
    var feed = Feed.nothing
    /// How many texts it is in.
    var depth = 0
    /// Whether words that are not known come after its own.
    var isContinued = false
    /// How many commands carry it.
    var carriers = 0
  }

  /// Which program runs, or what a shell reads, is known only when it runs: it may be anything.
  mutating func unknown(_ place: WordPlace, _ reason: String) {
    findings.add(.shellExpansion, place.evidence(reason))
    findings.add(.destructiveCommand, place.evidence(reason))
  }

  /// A text that a shell reads.
  mutating func shellText(_ word: KnownWord, _ context: Context, feed: Feed? = nil) {
    guard let text = word.literal else {
      return unknown(word.place, "what the shell reads is known only when it runs")
    }
    inner.append(
      Inner(
        text: ShellText(text, origin: word.place, depth: context.depth + 1), feed: feed ?? context.feed))
  }
}
