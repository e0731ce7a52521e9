import Foundation

/// What bubblewrap is told: separate words, which it reads from an open file (`--args`), so that no list of processes shows them.
struct BubblewrapArguments {
  /// Which descriptor is which in the process that becomes bubblewrap.
  enum Inherited: Int32 {
    case arguments = 3
    case plan, control, permittedCalls, refusedCalls
    /// The folders that were granted, in their order, and after them the token.
    case grants
  }

  /// Which descriptor is the token, where so many folders are granted.
  static func token(after grants: Int) -> Int32 { Inherited.grants.rawValue + Int32(grants) }

  /// Where the first process's program is inside.
  private let initialProgram: String

  /// What bubblewrap itself is started as.
  var command: [String] {
    [
      "bwrap", "--args", "\(Inherited.arguments.rawValue)", "--", initialProgram,
      "\(Inherited.plan.rawValue)",
      "\(Inherited.control.rawValue)",
    ]
  }

  private(set) var words: [String] = []

  /// The words for a profile.
  /// - Parameter program: what commands ask their host with, where they have a way there.
  init(_ profile: SandboxProfile, initialProgram: String, program: HostProgram? = nil) {
    let leftOut = profile.leftOut
    self.initialProgram = leftOut.contains(.files) ? initialProgram : "/.sandbox/init"
    words += ["--unshare-user", "--unshare-pid", "--disable-userns", "--assert-userns-disabled"]
    if !leftOut.contains(.interprocess) { words.append("--unshare-ipc") }
    if !leftOut.contains(.network) { words.append("--unshare-net") }
    if !leftOut.contains(.controlGroups) { words.append("--unshare-cgroup") }
    if !leftOut.contains(.hostName) { words += ["--unshare-uts", "--hostname", "sandbox"] }
    words += ["--uid", "\(SystemFiles.userID)", "--gid", "\(SystemFiles.userID)"]
    words += ["--cap-drop", "ALL", "--as-pid-1", "--die-with-parent", "--new-session", "--clearenv"]
    if leftOut.contains(.files) {
      // For tests: everything as it is on this machine.
      words += ["--dev-bind", "/", "/", "--proc", "/proc"]
    } else {
      tree(profile)
      if let bridge = profile.bridge {
        words += BridgePlaces(profile.places).words(
          socket: bridge.socket, tokenDescriptor: Self.token(after: profile.grants.count), program: program)
      }
      words += [
        "--ro-bind", initialProgram, self.initialProgram, "--remount-ro", "/dev", "--remount-ro", "/",
      ]
    }
    if !leftOut.contains(.systemCalls) {
      words += ["--add-seccomp-fd", "\(Inherited.permittedCalls.rawValue)"]
      words += ["--add-seccomp-fd", "\(Inherited.refusedCalls.rawValue)"]
    }
  }

  /// The bytes for `--args`.
  var bytes: [UInt8] { words.flatMap { Array($0.utf8) + [0] } }

  private mutating func tree(_ profile: SandboxProfile) {
    let root = profile.root?.folder ?? ""
    for name in RootImage.folders {
      if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(root)/\(name)") {
        words += ["--symlink", target, "/\(name)"]
      } else if FileManager.default.fileExists(atPath: "\(root)/\(name)") {
        words += ["--ro-bind", "\(root)/\(name)", "/\(name)"]
      }
    }
    words += ["--ro-bind", profile.places.systemFolder.path, "/etc"]
    let settings = profile.root?.presentSettings ?? SystemFiles.presentOnThisMachine
    for path in settings { words += ["--ro-bind", "\(root)/etc/\(path)", "/etc/\(path)"] }
    words += ["--proc", "/proc", "--dev", "/dev"]
    let size = profile.leftOut.contains(.limits) ? [] : ["--size", "\(profile.limits.temporaryFiles)"]
    for folder in ["/tmp", "/dev/shm"] { words += size + ["--perms", "1777", "--tmpfs", folder] }
    words += ["--dir", "/run", "--dir", "/var", "--symlink", "/tmp", "/var/tmp"]
    words += ["--bind", profile.places.homeFolder.path, profile.places.home]
    words += ["--bind", profile.places.sharedFolder.path, AgentPlaces.shared]
    if let code = profile.places.code {
      words += [code.isWritable ? "--bind" : "--ro-bind", code.folder.path, AgentPlaces.pluginCode]
    }
    for (index, grant) in profile.grants.enumerated() {
      // By the open folder that was looked at: what has its name by then may be a link to another one.
      let number = Inherited.grants.rawValue + Int32(index)
      words += [grant.isWritable ? "--bind-fd" : "--ro-bind-fd", "\(number)", grant.place]
    }
  }
}
