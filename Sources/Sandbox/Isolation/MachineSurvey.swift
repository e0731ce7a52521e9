import CIsolation
import Foundation

/// What this machine has for isolation. It is looked at for every command: what was there may be gone.
public struct MachineSurvey: Sendable {
  /// The first process inside, which is part of osaurus-host.
  static let firstProcess = "osaurus-sandbox-init"

  /// Where bubblewrap is.
  public let bubblewrap: String?
  /// Where the first process's program is.
  let initialProgram: String?
  /// Why no user namespace can be made, if none can.
  let userNamespaces: SystemError?
  /// The version of Landlock, or why there is none.
  let landlock: Result<Int32, SystemError>
  /// Why no filter of system calls can be made, if none can.
  let filters: SystemError?
  /// Whether the host runs as root, whose processes the kernel does not count.
  let isRoot: Bool

  /// Looks at this machine.
  /// - Parameter programs: the folder with the programs of osaurus-host; by default where this one is.
  public init(programs: String? = nil) { self.init(programs: programs, triesNamespaces: true) }

  /// - Parameter triesNamespaces: whether a user namespace is made to see whether one can be. Who starts a sandbox anyway
  ///   need not: it does not start where none can be made.
  init(programs: String?, triesNamespaces: Bool) {
    // Never by PATH: what is found there is whoever's.
    bubblewrap = ["/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap"].first { access($0, X_OK) == 0 }
    let folder = programs ?? Self.ownFolder()
    let program = "\(folder)/\(Self.firstProcess)"
    initialProgram = access(program, X_OK) == 0 ? program : nil
    let namespaces = triesNamespaces ? osr_try_user_namespace() : 0
    userNamespaces = namespaces == 0 ? nil : SystemError(number: namespaces)
    let version = osr_landlock_version()
    landlock = version > 0 ? .success(version) : .failure(SystemError(number: -version))
    var trouble: SystemError?
    do { _ = try SystemCallFilters.programs(OSR_SOCKETS_NONE) } catch { trouble = error }
    filters = trouble
    isRoot = geteuid() == 0
  }

  /// The folder of the running program.
  public static func ownFolder() -> String {
    let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/"
    return URL(filePath: path).deletingLastPathComponent().path
  }

  /// How each layer stands on this machine for a profile.
  public func layers(for profile: SandboxProfile) -> [LayerReport] {
    IsolationLayer.allCases.map { layer in
      if profile.leftOut.contains(layer) { return LayerReport(layer, .waived, "left out for a test") }
      let found = report(layer, profile)
      return found.state == .missing && profile.waived.contains(layer)
        ? LayerReport(layer, .waived, "the owner does without it: \(found.detail)", remedy: found.remedy)
        : found
    }
  }

  private func report(_ layer: IsolationLayer, _ profile: SandboxProfile) -> LayerReport {
    switch layer {
    case .files, .users, .processes, .interprocess, .hostName, .controlGroups, .privileges: namespaces(layer)
    case .network:
      bubblewrap == nil || userNamespaces != nil
        ? namespaces(layer)
        : LayerReport(layer, .on, profile.network.plainWords)
    case .systemCalls: systemCalls()
    case .landlock: landlockReport()
    case .limits: limits(profile)
    case .environment: LayerReport(layer, .on, "made from nothing")
    }
  }

  private func namespaces(_ layer: IsolationLayer) -> LayerReport {
    guard bubblewrap != nil else {
      return LayerReport(layer, .missing, "bubblewrap is not installed.", remedy: "apt install bubblewrap")
    }
    if let userNamespaces {
      return LayerReport(
        layer, .missing, "this system lets you make no user namespace (\(userNamespaces)).",
        remedy:
          "sysctl -w user.max_user_namespaces=15000, and where they exist kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0"
      )
    }
    guard initialProgram != nil else {
      return LayerReport(
        layer, .missing, "\(Self.firstProcess) is not beside osaurus-host.",
        remedy: "Build and install again: swift build -c release")
    }
    return LayerReport(layer, .on, "bubblewrap")
  }

  private func systemCalls() -> LayerReport {
    guard let filters else { return LayerReport(.systemCalls, .on, "seccomp, a list of what is permitted") }
    return LayerReport(
      .systemCalls, .missing, "no filter can be made (\(filters)).",
      remedy: "apt install libseccomp2, on a kernel with CONFIG_SECCOMP_FILTER")
  }

  private func landlockReport() -> LayerReport {
    switch landlock {
    case .success(let version) where version >= 6:
      LayerReport(.landlock, .on, "version \(version): files, TCP, signals and abstract sockets")
    case .success(let version):
      LayerReport(
        .landlock, .partial,
        "version \(version): files\(version >= 4 ? " and TCP" : ""); the namespaces alone stop the rest",
        remedy: "Linux 6.12 or newer has all of it")
    case .failure(let error):
      LayerReport(
        .landlock, .missing, "this kernel does not have it (\(error)).",
        remedy:
          "Linux 5.13 or newer, started with 'landlock' in its list of security modules (lsm=landlock,…)")
    }
  }

  private func limits(_ profile: SandboxProfile) -> LayerReport {
    let groups: String
    var kept: Set<ControlGroups.Controller> = []
    switch profile.controlGroups {
    case .success(let found):
      kept = found.controllers
      let names = ControlGroups.Controller.allCases.filter(kept.contains).map(\.plainWords)
      groups =
        names.isEmpty
        ? "a control group, without controllers" : "a control group (\(names.joined(separator: ", ")))"
    case .failure(let absence): groups = "no control group: \(absence)"
    }
    var counted: [String] = []
    if !kept.contains(.memory) { counted.append("memory") }
    if !kept.contains(.pids), isRoot { counted.insert("processes", at: 0) }
    let counts =
      counted.isEmpty ? "" : "; \(counted.joined(separator: " and ")) of all counted 20 times a second"
    return LayerReport(.limits, .on, "rlimits for each process\(counts); \(groups)")
  }
}
