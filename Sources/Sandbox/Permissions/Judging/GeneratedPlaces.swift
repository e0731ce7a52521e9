/// Places in a workspace that people do not write to by hand.
struct GeneratedPlaces: Sendable {
  /// Folders that tools fill, wherever in a workspace they are.
  private static let everywhere: Set<String> = [
    ".git", "node_modules", ".build", "__pycache__", ".venv", ".tox", ".gradle", ".next", ".svelte-kit",
  ]
  /// What builds leave at the top of a workspace.
  private static let atTheTop: Set<String> = ["build", "dist", "target", "out", "coverage"]

  /// A place in a workspace that may be written to.
  struct Place: Hashable, Sendable {
    let grant: WorkspaceGrant
    /// The way from there.
    let components: [String]

    var path: String { components.joined(separator: "/") }
  }

  private let grants: [WorkspaceGrant]

  init(_ profile: SandboxProfile) { grants = profile.grants.filter(\.isWritable) }

  var isEmpty: Bool { grants.isEmpty }

  /// Where in a writable workspace an absolute path inside the sandbox is; nil elsewhere.
  func place(_ path: String) -> Place? {
    var components: [String] = []
    for part in path.utf8.split(separator: UInt8(ascii: "/")).map({ String(decoding: $0, as: UTF8.self) }) {
      switch part {
      case ".": break
      case "..": _ = components.popLast()
      default: components.append(part)
      }
    }
    let plain = "/" + components.joined(separator: "/")
    guard let grant = grants.first(where: { SandboxPath.isInside(plain, of: $0.place) }) else { return nil }
    let way = components.dropFirst(grant.place.utf8.split(separator: UInt8(ascii: "/")).count)
    return way.isEmpty ? nil : Place(grant: grant, components: Array(way))
  }

  /// Why a place is one that tools generate; nil where it is not known as one.
  static func reason(_ place: Place) -> String? {
    if let name = place.components.first(where: { everywhere.contains($0) }) {
      return "'\(name)' is filled by tools"
    }
    if place.components.count > 1, let first = place.components.first, atTheTop.contains(first) {
      return "'\(first)' is what builds leave"
    }
    return nil
  }
}
