import Foundation

/// Says what a command needs, before it runs: by the shell's own grammar, in all of its parts, and without running any of it.
///
/// It asks early, and it is not what holds a command back: a program can do what no word of it says. That is what the sandbox is for.
struct CommandJudge: Sendable {
  /// Texts in a command that are read.
  static let mostTexts = 16
  /// How many texts may be in each other.
  static let deepestText = 4

  let profile: SandboxProfile
  let parser: ShellParser

  /// What a command needs, in the order of the permissions.
  /// - Throws: ``JudgeRefusal`` for what no shell would run.
  func needs(of draft: CommandDraft) async throws -> [PermissionNeed] {
    try draft.check()
    var walk = CommandWalk(profile, folder: draft.folder?.text ?? profile.places.home)
    switch draft.form {
    case .words(let words):
      let known = words.enumerated().map { index, word in
        KnownWord(word, place: WordPlace(excerpt: word, offset: nil, word: index))
      }
      walk.simple(known, CommandWalk.Context())
    case .shell(let text):
      walk.inner.append(CommandWalk.Inner(text: ShellText(text), feed: .nothing))
    }
    try await read(&walk)
    await judgeWrites(&walk)
    circumstances(draft, &walk.findings)
    return walk.findings.needs
  }

  private func read(_ walk: inout CommandWalk) async throws {
    var count = 0
    while !walk.inner.isEmpty {
      let next = walk.inner.removeFirst()
      count += 1
      let isOutermost = next.text.origin == nil
      let place = next.text.origin ?? next.text.place(0, next.text.bytes.count)
      guard count <= Self.mostTexts, next.text.depth <= Self.deepestText else {
        walk.unknown(place, "too many texts are in each other to be read")
        continue
      }
      guard next.text.bytes.count <= CommandDraft.longest, !next.text.bytes.contains(0) else {
        walk.unknown(place, "it is no text that is read")
        continue
      }
      switch await parser.parse(next.text) {
      case .tree(let tree): walk.walk(tree, in: next.text, feed: next.feed)
      // What is in another text is read by another shell, which may understand it, and runs what it has read so far.
      case .refused(let refusal) where isOutermost: throw refusal
      case .refused: walk.unknown(place, "what the shell reads is not understood")
      case .unread(let reason):
        try Task.checkCancellation()
        for permission in Self.ofTexts { walk.findings.add(permission, place.evidence(reason)) }
      }
    }
  }

  /// What a text may need that was not read.
  private static let ofTexts: [Permission] = [
    .network, .destructiveCommand, .shellExpansion, .inlineScript, .privilegedExecutable,
    .writeGeneratedOrIgnored,
  ]

  /// What is not in the words of the command.
  private func circumstances(_ draft: CommandDraft, _ findings: inout Findings) {
    if draft.wantsNetwork {
      findings.add(.network, Evidence("", reason: "it is to be started with a way to the network"))
    }
    if draft.isLong {
      findings.add(.longTimeout, Evidence("", reason: "it may run for more than 300 seconds"))
    }
    for (name, value) in draft.variables.sorted(by: { $0.key < $1.key }) {
      // How an argument of a plugin's tool is called says nothing of what it is.
      if !name.hasPrefix(PluginRecipeTool.prefix), VariableRules.isSecret(name: name) {
        findings.add(
          .sensitiveEnvironment, Evidence(name, reason: "the name of this variable is that of a secret"))
      } else if VariableRules.looksLikeKey(value) {
        // The value is in no evidence.
        findings.add(
          .sensitiveEnvironment, Evidence(name, reason: "the value of this variable looks like a key"))
      }
    }
  }

  // MARK: Places that are written to

  /// What writing to a place needs.
  func needs(ofWritingTo path: String) async -> [PermissionNeed] {
    var walk = CommandWalk(profile, folder: profile.places.home)
    walk.write(to: KnownWord(path, place: WordPlace(excerpt: path, offset: nil, word: nil)))
    await judgeWrites(&walk)
    return walk.findings.needs
  }

  private func judgeWrites(_ walk: inout CommandWalk) async {
    var open: [CommandWalk.Write] = []
    for write in walk.writes {
      if let reason = GeneratedPlaces.reason(write.place) {
        walk.findings.add(.writeGeneratedOrIgnored, write.word.evidence(reason))
      } else {
        open.append(write)
      }
    }
    for (grant, writes) in Dictionary(grouping: open, by: \.place.grant) {
      let ignored = await IgnoredPlaces(parser: parser).ignored(writes.map(\.place.path), in: grant)
      for write in writes where ignored.contains(write.place.path) {
        walk.findings.add(.writeGeneratedOrIgnored, write.word.evidence("git ignores it"))
      }
    }
  }
}

/// Asks git which places of a workspace it ignores. A repository can make git run programs, so git is asked in a sandbox that has the
/// workspace to read, and nothing else.
struct IgnoredPlaces: Sendable {
  let parser: ShellParser

  /// Those of the paths that git ignores; none where the workspace is no repository of git, or git is not there.
  func ignored(_ paths: [String], in grant: WorkspaceGrant) async -> Set<String> {
    guard access("/usr/bin/git", X_OK) == 0, access("\(grant.folder)/.git", F_OK) == 0 else { return [] }
    let paths = paths.prefix(64).filter { !$0.utf8.contains(0) }
    do {
      var profile = SandboxProfile(places: try parser.places())
      profile.grants = [try WorkspaceGrant(folder: grant.folder, name: grant.name, isWritable: false)]
      profile.limits.memory = 512 << 20
      profile.limits.output = 1 << 20
      profile.limits.freeDisk = 0
      profile.limits.home = nil
      var request = ExecutionRequest(
        [
          "/usr/bin/git", "-c", "safe.directory=*", "-C", grant.place, "check-ignore", "--stdin", "-z",
          "--no-index",
        ])
      request.takesInput = true
      request.timeLimit = .seconds(20)
      let launcher = try SandboxLauncher(profile: profile, programs: parser.programs)
      let session = try CommandSession(request, with: launcher)
      try? session.write(paths.flatMap { Array($0.utf8) + [0] })
      session.endInput()
      let result = try await session.result()
      guard result.status == 0 else { return [] }
      return Set(
        result.standardOutput.bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
    } catch {
      return []
    }
  }
}
