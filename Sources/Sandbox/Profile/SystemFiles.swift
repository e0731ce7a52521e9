import Foundation

/// The `/etc` of a sandbox: a few files made here, and places for what is taken read-only from this machine.
struct SystemFiles {
  /// What of this machine's `/etc` is seen inside: where libraries are, which of several programs is meant, and the public keys
  /// of certificate authorities. Nothing in it is about a person.
  static let fromThisMachine: [(path: String, isFolder: Bool)] = [
    ("ld.so.cache", false), ("alternatives", true), ("ssl/certs", true),
  ]
  static var presentOnThisMachine: [String] {
    fromThisMachine.map(\.path).filter { FileManager.default.fileExists(atPath: "/etc/\($0)") }
  }
  /// The user inside.
  static let user = "agent"
  static let userID = 1000

  let places: AgentPlaces

  var contents: [String: String] {
    [
      "passwd": """
      root:x:0:0:root:/nonexistent:/usr/sbin/nologin
      \(Self.user):x:\(Self.userID):\(Self.userID):Agent:\(places.home):/bin/sh
      nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin

      """,
      "group": "root:x:0:\n\(Self.user):x:\(Self.userID):\nnogroup:x:65534:\n",
      "hosts": "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n",
      "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
      "resolv.conf": "",
      "hostname": "sandbox\n",
    ]
  }

  func write() throws(SandboxError) {
    for (path, isFolder) in Self.fromThisMachine {
      let place = places.systemFolder.appending(path: path)
      if isFolder {
        if path.contains("/") { try AgentPlaces.make(place.deletingLastPathComponent()) }
        try AgentPlaces.make(place)
      } else {
        try Self.write("", to: place)
      }
    }
    for (name, text) in contents { try Self.write(text, to: places.systemFolder.appending(path: name)) }
  }

  private static func write(_ text: String, to file: URL) throws(SandboxError) {
    if let present = try? Data(contentsOf: file), present == Data(text.utf8) { return }
    do {
      try Data(text.utf8).write(to: file, options: .atomic)
    } catch {
      throw .folder(path: file.path, reason: error.localizedDescription)
    }
  }
}
