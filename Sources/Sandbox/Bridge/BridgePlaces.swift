import Foundation

/// Where a command finds the way to its host, inside.
public struct BridgePlaces: Hashable, Sendable {
  /// The socket.
  public static let socketVariable = "OSAURUS_BRIDGE"
  /// The file with the token.
  public static let tokenVariable = "OSAURUS_BRIDGE_TOKEN_FILE"

  static let folder = "/run/osaurus"
  static let socket = "\(folder)/bridge.sock"
  static let programs = "\(folder)/bin"

  /// The file with the token of the command.
  let token: String

  init(_ places: AgentPlaces) { token = "\(Self.folder)/\(places.name).token" }

  /// What bubblewrap makes of it. The token comes from a file in memory into the sandbox's own, and is on no disk.
  /// - Parameter program: the program of osaurus-host on this machine, if it is there.
  func words(socket: String, tokenDescriptor: Int32, program: HostProgram?) -> [String] {
    var words = ["--perms", "0711", "--dir", Self.folder]
    words += ["--perms", "0600", "--file", "\(tokenDescriptor)", token]
    words += ["--ro-bind", socket, Self.socket]
    if let program {
      words += ["--dir", Self.programs, "--ro-bind", program.path, "\(Self.programs)/\(HostProgram.name)"]
      for library in program.libraries {
        words += ["--ro-bind", library, "\(Self.programs)/\(URL(filePath: library).lastPathComponent)"]
      }
    }
    return words
  }

  /// What Landlock lets through of it. The socket needs no right there: to connect is not to open.
  var rules: [(String, LandlockRights)] { [(token, .readFile), (Self.programs, .reading)] }

  /// What the environment says of it.
  var variables: [String: String] { [Self.socketVariable: Self.socket, Self.tokenVariable: token] }
}

/// The program of osaurus-host, as commands in a sandbox run it to ask their host for something.
struct HostProgram: Hashable, Sendable {
  static let name = "osaurus-host"

  let path: String
  /// The libraries that it loads and that no sandbox has by itself: those of Swift, where they are not linked into it.
  let libraries: [String]

  /// The program in a folder; nil where it is not there.
  init?(in folder: String) {
    path = "\(folder)/\(Self.name)"
    guard access(path, X_OK) == 0 else { return nil }
    libraries = Self.ownLibraries
  }

  /// What this process has loaded from places that are not in a sandbox. Whatever starts sandboxes is built as
  /// osaurus-host is.
  private static let ownLibraries: [String] = {
    guard let maps = FileHandle(forReadingAtPath: "/proc/self/maps"), let read = try? maps.readToEnd()
    else { return [] }
    let paths = String(decoding: read, as: UTF8.self).split(separator: "\n").compactMap { line in
      line.firstIndex(of: "/").map { String(line[$0...]) }
    }
    return Set(paths).filter { path in
      URL(filePath: path).lastPathComponent.contains(".so")
        && access(path, R_OK) == 0
        && !["/usr/", "/lib/", "/lib32/", "/lib64/", "/libx32/"].contains { path.hasPrefix($0) }
    }.sorted()
  }()
}
