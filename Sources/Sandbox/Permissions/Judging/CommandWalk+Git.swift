/// Git, which is many programs.
extension CommandWalk {
  private static let valueOptions: Set<String> = [
    "-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--super-prefix", "--config-env",
  ]
  private static let fetching: Set<String> = [
    "clone", "fetch", "pull", "push", "ls-remote", "send-email", "svn", "p4", "request-pull", "fetch-pack",
    "send-pack", "http-fetch", "http-push", "daemon", "lfs",
  ]
  /// Settings by which git runs something else.
  private static let hooks = [
    "alias.", "core.sshcommand", "core.pager", "core.editor", "core.fsmonitor", "core.hookspath",
    "core.askpass",
    "core.gitproxy", "sequence.editor", "diff.external", "credential.", "filter.", "pager.", "protocol.ext.",
    "gpg.", "include.", "includeif.", "uploadpack.", "merge.", "difftool.", "mergetool.", "browser.", "man.",
    "remote.", "url.", "interactive.difffilter", "trailer.", "submodule.",
  ]

  mutating func git(_ words: [KnownWord]) {
    var index = 1
    while index < words.count, words[index].beginning.hasPrefix("-") {
      let option = words[index].beginning
      if option == "-c", index + 1 < words.count { setting(words[index + 1]) }
      if option.hasPrefix("--config-env") { setting(words[index]) }
      index += Self.valueOptions.contains(option) ? 2 : 1
    }
    guard index < words.count else { return }
    let order = words[index]
    guard let name = order.literal else {
      return unknown(order.place, "what git does is known only when it runs")
    }
    let rest = words[(index + 1)...].map(\.beginning)
    let isRemote =
      Self.fetching.contains(name)
      || (name == "remote" && rest.contains { ["update", "show", "prune"].contains($0) })
      || (name == "submodule" && rest.contains { ["update", "add", "sync"].contains($0) })
      || (name == "archive" && rest.contains { $0.hasPrefix("--remote") })
    if isRemote { findings.add(.network, order.place.evidence("'git \(name)' reaches other machines")) }
    if let reason = Self.loss(name, rest) { findings.add(.destructiveCommand, order.place.evidence(reason)) }
    let runs =
      (name == "bisect" && rest.first == "run") || name == "filter-branch"
      || (name == "submodule" && rest.contains("foreach"))
      || (name == "rebase" && rest.contains { $0.hasPrefix("-x") || $0.hasPrefix("--exec") })
      || rest.contains {
        $0.hasPrefix("--upload-pack") || $0.hasPrefix("--receive-pack") || $0.hasPrefix("--open-files")
          || $0.hasPrefix("ext::")
      }
    if runs {
      findings.add(.inlineScript, order.place.evidence("'git \(name)' runs a command that it is given"))
    }
  }

  private mutating func setting(_ word: KnownWord) {
    let text = word.beginning.lowercased()
    guard !word.isWhole || Self.hooks.contains(where: { text.hasPrefix($0) || text.contains("=\($0)") })
    else { return }
    findings.add(.inlineScript, word.place.evidence("this setting makes git run something else"))
  }

  private static func loss(_ name: String, _ rest: [String]) -> String? {
    func has(_ options: String...) -> Bool { rest.contains { options.contains($0) } }
    /// Whether a group of short options has a letter.
    func hasLetter(_ letter: Character) -> Bool {
      rest.contains { $0.hasPrefix("-") && !$0.hasPrefix("--") && $0.contains(letter) }
    }
    switch name {
    case "clean": return has("-n", "--dry-run") ? nil : "git removes files that it does not know"
    case "rm": return has("--cached", "-n", "--dry-run") ? nil : "git removes files"
    case "reset": return has("--hard", "--merge", "--keep") ? "git throws changes away" : nil
    case "checkout":
      return has("-f", "--force", "--", ".") || rest.contains { $0.hasPrefix("./") }
        ? "git may throw changes away" : nil
    case "switch": return has("-f", "--force", "--discard-changes", "-C") ? "git throws changes away" : nil
    case "restore":
      return (has("--staged", "-S") && !has("--worktree", "-W")) ? nil : "git throws changes away"
    case "push":
      let forces =
        hasLetter("f") || hasLetter("d") || has("--delete", "--mirror", "--prune")
        || rest.contains {
          $0.hasPrefix("--force") || $0.hasPrefix("+") || ($0.hasPrefix(":") && $0.count > 1)
        }
      return forces ? "git overwrites or removes what others have" : nil
    case "branch":
      return hasLetter("D") || hasLetter("d") || has("--delete") || hasLetter("f") || has("--force")
        ? "git removes or moves a branch" : nil
    case "tag": return hasLetter("d") || has("--delete") ? "git removes a tag" : nil
    case "stash": return has("drop", "clear") ? "git throws away what was put aside" : nil
    case "reflog": return has("expire", "delete") ? "git forgets what can be gone back to" : nil
    case "gc", "prune":
      return name == "prune" || rest.contains { $0.hasPrefix("--prune") }
        ? "git removes what nothing refers to" : nil
    case "filter-branch", "filter-repo": return "git rewrites the past"
    case "update-ref": return has("-d", "--stdin") ? "git removes a reference" : nil
    case "worktree": return has("remove", "prune") ? "git removes a working tree" : nil
    case "submodule": return has("deinit") ? "git removes a submodule's files" : nil
    default: return nil
    }
  }
}
