import CIsolation
import Glibc

/// A folder of the owner that an agent may use.
public struct WorkspaceGrant: Hashable, Sendable {
  /// Where it is on this machine: absolute, and no component of it is a symbolic link.
  public let folder: String
  /// What it is called inside, under `/workspace`.
  public let name: String
  /// Whether the agent may change what is in it.
  public let isWritable: Bool

  /// Where it is inside.
  public var place: String { "\(AgentPlaces.root)/\(name)" }

  /// A grant of `folder`, or why it cannot be granted.
  /// - Parameter name: what to call it inside; by default as it is called here.
  /// - Throws: ``SandboxError/grantRefused(path:reason:)``.
  public init(folder: String, name: String? = nil, isWritable: Bool) throws(SandboxError) {
    func refuse(_ reason: String) -> SandboxError { .grantRefused(path: folder, reason: reason) }
    guard folder.hasPrefix("/") else { throw refuse("the path is not absolute") }
    guard let resolved = realpath(folder, nil) else { throw refuse(SystemError.last.description) }
    defer { free(resolved) }
    let path = String(cString: resolved)
    guard !path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
      throw refuse("its name has control characters")
    }
    let place = osr_open_folder(path)
    guard place >= 0 else { throw refuse("it is no folder") }
    close(place)
    if let reason = Self.obstacle(to: path) { throw refuse(reason) }
    let called = name ?? String(path.split(separator: "/").last ?? "")
    guard Self.isName(called) else {
      throw refuse("'\(called)' is no name for a workspace: letters, digits, '.', '_' and '-', at most 64")
    }
    guard !AgentPlaces.reservedNames.contains(called) else { throw refuse("the name '\(called)' is taken") }
    self.folder = path
    self.name = called
    self.isWritable = isWritable
  }

  /// A grant to read a folder that this program made itself.
  init(proven folder: String, name: String) {
    self.folder = folder
    self.name = name
    isWritable = false
  }

  /// Folders of the system, of which neither the whole nor a part is anybody's workspace.
  private static let system = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys",
    "/usr", "/var/lib",
    "/var/run", "/lost+found",
  ]
  /// Folders that are too much to give, while a part of them may be given.
  private static let tooMuch = ["/", "/home", "/root", "/var", "/mnt", "/media", "/opt", "/srv", "/tmp"]
  /// Folders in a home that keep keys.
  private static let withKeys: Set<String> = [
    ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store", ".mozilla", ".config",
    ".local", ".netrc",
  ]

  private static func obstacle(to path: String) -> String? {
    if system.contains(where: { SandboxPath.isInside(path, of: $0) }) { return "it belongs to the system" }
    if tooMuch.contains(path) { return "it is more than a workspace" }
    if let home = ownHome(), SandboxPath.isInside(home, of: path) {
      return "it is a whole home; grant a folder in it"
    }
    let components = path.split(separator: "/").map(String.init)
    if components.count == 2, components[0] == "home" { return "it is a whole home; grant a folder in it" }
    if let keys = components.first(where: { withKeys.contains($0) }) {
      return "'\(keys)' is where keys and settings are kept"
    }
    return nil
  }

  /// The home of the user that this runs as, wherever it is.
  private static func ownHome() -> String? {
    guard let folder = getpwuid(geteuid())?.pointee.pw_dir, let resolved = realpath(folder, nil) else {
      return nil
    }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  static func isName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 64 && name.first != "." && name.first != "-"
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }
}
