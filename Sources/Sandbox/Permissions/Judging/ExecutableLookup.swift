import CIsolation
import Foundation

/// Which program a word means inside the sandbox: by the sandbox's own PATH, along links, on the real files.
struct ExecutableLookup: Sendable {
  /// Where programs are looked for.
  static let path = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"]
  /// Programs that are many, of which the name or the first argument says which.
  static let multiCall: Set<String> = ["busybox", "toybox", "coreutils", "toolbox", "uutils"]

  /// A program that was found.
  struct Program: Hashable, Sendable {
    /// As it was called, without folders.
    let called: String
    /// What the file is called at the end of all links; as it was called where there is no such file.
    let real: String
    /// Whether it runs with the rights of somebody else, or has some of its own.
    let isPrivileged: Bool

    /// The names whose rules are followed. One that is many programs is the one that it was called.
    var names: Set<String> {
      ExecutableLookup.multiCall.contains(real) ? [called] : [called, real]
    }
  }

  let places: [(inside: String, outside: String)]
  let home: String

  init(_ profile: SandboxProfile) {
    home = profile.places.home
    places =
      [
        (profile.places.home, profile.places.homeFolder.path),
        (AgentPlaces.shared, profile.places.sharedFolder.path),
      ]
      + (profile.places.code.map { [(AgentPlaces.pluginCode, $0.folder.path)] } ?? [])
      + profile.grants.map { ($0.place, $0.folder) }
      + ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/alternatives"].map { ($0, $0) }
  }

  /// The program that a word means.
  /// - Parameter folder: where the command runs, for words with a slash.
  func program(_ word: String, in folder: String) -> Program {
    let called = Self.last(word)
    var found: String?
    if word.utf8.contains(UInt8(ascii: "/")) {
      found = resolve(word.hasPrefix("/") ? word : "\(folder)/\(word)")
    } else {
      for place in Self.path {
        found = resolve("\(place)/\(word)")
        if found != nil { break }
      }
    }
    guard let found, let outside = outside(found) else {
      return Program(called: called, real: called, isPrivileged: false)
    }
    return Program(
      called: called, real: Self.sameFile(outside) ?? Self.last(found),
      isPrivileged: Self.isPrivileged(outside))
  }

  private static func last(_ path: String) -> String {
    path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(decoding: $0, as: UTF8.self) } ?? path
  }

  /// The place on this machine; nil for what is not of it.
  private func outside(_ path: String) -> String? {
    for (inside, outside) in places where SandboxPath.isInside(path, of: inside) {
      let rest = path.utf8.dropFirst(inside.utf8.count)
      return outside + String(decoding: rest, as: UTF8.self)
    }
    return nil
  }

  /// Follows every link of a path as the sandbox would; nil where it ends in nothing.
  private func resolve(_ path: String) -> String? {
    var waiting = path.split(separator: "/").map(String.init)
    var done: [String] = []
    var links = 0
    guard waiting.count <= 256 else { return nil }
    while !waiting.isEmpty {
      let next = waiting.removeFirst()
      if next == "." { continue }
      if next == ".." {
        _ = done.popLast()
        continue
      }
      let here = "/" + (done + [next]).joined(separator: "/")
      guard let outside = outside(here), let target = Self.link(outside) else {
        done.append(next)
        continue
      }
      links += 1
      guard links <= 40 else { return nil }
      if target.hasPrefix("/") { done = [] }
      waiting = target.split(separator: "/").map(String.init) + waiting
    }
    let end = "/" + done.joined(separator: "/")
    guard let outside = outside(end) else { return nil }
    var status = stat()
    return lstat(outside, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? end : nil
  }

  private static func link(_ path: String) -> String? {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &bytes, bytes.count)
    guard count > 0, count < bytes.count else { return nil }
    return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Programs that are looked for under other names.
  private static let wellKnown = [
    "rm", "dd", "shred", "bash", "dash", "sh", "busybox", "curl", "wget", "find", "env", "sudo", "su",
  ]

  /// The name of a well-known program that is the same file under another name.
  private static func sameFile(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_nlink > 1 else { return nil }
    return wellKnown.first { name in
      var other = stat()
      return stat("/usr/bin/\(name)", &other) == 0 && other.st_ino == status.st_ino
        && other.st_dev == status.st_dev
    }
  }

  private static func isPrivileged(_ path: String) -> Bool {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & (S_ISUID | S_ISGID) != 0 { return true }
    return osr_has_capabilities(path) != 0
  }
}
