import CIsolation
import Foundation
import Synchronization

/// Where groups for sandboxes can be made in the tree of control groups (version 2, cgroups(7)), and what can be limited there.
package struct ControlGroups: Hashable, Sendable {
  /// What limits something.
  package enum Controller: String, CaseIterable, Sendable {
    case memory, pids, cpu

    var plainWords: String {
      switch self {
      case .memory: "memory"
      case .pids: "processes"
      case .cpu: "processor time"
      }
    }
  }

  /// Why there are none.
  package enum Absence: Error, Hashable, CustomStringConvertible {
    case noTree, notDelegated
    case refused(String)

    package var description: String {
      switch self {
      case .noTree: "this system has no tree of version 2"
      case .notDelegated: "none was delegated to this process (Delegate=yes in its unit)"
      case .refused(let reason): "the delegated one cannot be used: \(reason)"
      }
    }
  }

  /// The folder in which they are made.
  let parent: String
  let controllers: Set<Controller>

  init(parent: String, controllers: Set<Controller>) {
    self.parent = parent
    self.controllers = controllers
  }

  /// Groups in a folder of the tree, with the controllers that can be had there.
  package init(in parent: String) throws(Absence) {
    self.parent = parent
    let available = Set(Self.words(of: "\(parent)/cgroup.controllers"))
    let wanted = Controller.allCases.filter { available.contains($0.rawValue) }
    for controller in wanted { Self.write("+\(controller.rawValue)", to: "\(parent)/cgroup.subtree_control") }
    let on = Set(Self.words(of: "\(parent)/cgroup.subtree_control"))
    controllers = Set(wanted.filter { on.contains($0.rawValue) })
    guard access("\(parent)/cgroup.procs", W_OK) == 0, access(parent, W_OK) == 0 else {
      throw .refused(SystemError.last.description)
    }
    sweep()
  }

  private static let kept = Mutex<Result<ControlGroups, Absence>?>(nil)

  /// Those of this process, looked for once.
  static func here() -> Result<ControlGroups, Absence> {
    kept.withLock { kept in
      if let kept { return kept }
      let found = find()
      kept = found
      return found
    }
  }

  private static func find() -> Result<ControlGroups, Absence> {
    guard let tree = tree(), let own = ownGroup() else { return .failure(.noTree) }
    let group = own == "/" ? tree : tree + own
    let above = URL(filePath: group).deletingLastPathComponent().path
    do {
      if isDelegated(above) { return .success(try ControlGroups(in: above)) }
      guard isDelegated(group) else { return .failure(.notDelegated) }
      // A group with processes gives nothing to those below it; so this one goes below, too (DelegateSubgroup= does the same).
      let leaf = "\(group)/host"
      guard mkdir(leaf, 0o755) == 0 || errno == EEXIST else {
        return .failure(.refused(SystemError.last.description))
      }
      guard write("\(getpid())", to: "\(leaf)/cgroup.procs") else {
        return .failure(.refused(SystemError.last.description))
      }
      return .success(try ControlGroups(in: group))
    } catch {
      return .failure(error)
    }
  }

  /// Where the tree is mounted (proc_pid_mountinfo(5)).
  private static func tree() -> String? {
    guard let bytes = FileManager.default.contents(atPath: "/proc/self/mountinfo") else { return nil }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash + 1 < fields.endIndex, fields[dash + 1] == "cgroup2",
        fields.count > 4, fields[3] == "/"
      else { continue }
      return String(fields[4])
    }
    return nil
  }

  /// The group of this process in that tree.
  private static func ownGroup() -> String? {
    guard let bytes = FileManager.default.contents(atPath: "/proc/self/cgroup") else { return nil }
    let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("0::/") }
    guard let path = line?.dropFirst(3), !path.hasPrefix("/..") else { return nil }
    return String(path)
  }

  /// Whether systemd gave the group, and all below, to whoever owns it.
  private static func isDelegated(_ group: String) -> Bool { osr_is_delegated(group) == 1 }

  static let prefix = "osaurus-sandbox-"

  /// Takes away what processes left that are gone.
  private func sweep() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    where name.hasPrefix(Self.prefix) {
      guard let owner = name.dropFirst(Self.prefix.count).split(separator: "-").first.flatMap({ pid_t($0) }),
        kill(owner, 0) != 0, errno == ESRCH
      else { continue }
      // One in which something runs cannot be taken away.
      rmdir("\(parent)/\(name)")
    }
  }

  /// What the files of a group are set to.
  func settings(for limits: ResourceLimits) -> [(file: String, value: String)] {
    var settings: [(file: String, value: String)] = []
    if controllers.contains(.memory) {
      settings += [
        ("memory.max", "\(limits.memory)"), ("memory.swap.max", "0"), ("memory.oom.group", "1"),
      ]
    }
    // bubblewrap and the first process are in it, too.
    if controllers.contains(.pids) { settings.append(("pids.max", "\(limits.processes + 2)")) }
    if controllers.contains(.cpu), let processors = limits.processors {
      settings.append(("cpu.max", "\(max(1000, Int(processors * 100_000))) 100000"))
    }
    return settings
  }

  static func words(of file: String) -> [String] {
    let bytes = FileManager.default.contents(atPath: file) ?? Data()
    return String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }.map(String.init)
  }

  @discardableResult
  static func write(_ text: String, to file: String) -> Bool {
    let number = open(file, O_WRONLY | O_CLOEXEC)
    guard number >= 0 else { return false }
    defer { close(number) }
    return Glibc.write(number, text, text.utf8.count) == text.utf8.count
  }
}

/// The control group of one sandbox. It goes with this value, and all that is in it.
struct ControlGroup: ~Copyable {
  private static let count = Atomic(0)

  let path: String
  /// Who writes to it joins.
  let entry: Descriptor

  init(in groups: ControlGroups, limits: ResourceLimits?) throws(SystemError) {
    let number = Self.count.add(1, ordering: .relaxed).newValue
    path = "\(groups.parent)/\(ControlGroups.prefix)\(getpid())-\(number)"
    entry = try Self.made(path, limits.map { groups.settings(for: $0) } ?? [])
  }

  /// Makes a group and sets its files; leaves none behind when that cannot be done.
  private static func made(
    _ path: String, _ settings: [(file: String, value: String)]
  ) throws(SystemError) -> Descriptor {
    guard mkdir(path, 0o755) == 0 else { throw SystemError.last }
    for setting in settings {
      let place = "\(path)/\(setting.file)"
      // Kernels without swap have no limit for it.
      if setting.file == "memory.swap.max", access(place, F_OK) != 0 { continue }
      guard ControlGroups.write(setting.value, to: place) else {
        let error = SystemError.last
        rmdir(path)
        throw error
      }
    }
    let file = open("\(path)/cgroup.procs", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else {
      let error = SystemError.last
      rmdir(path)
      throw error
    }
    return Descriptor(file)
  }

  /// Kills everything in it, also what was started a moment ago.
  func kill() { ControlGroups.write("1", to: "\(path)/cgroup.kill") }

  /// Whether the kernel ended something in it because it took too much memory.
  func ranOutOfMemory() -> Bool {
    let words = ControlGroups.words(of: "\(path)/memory.events")
    guard let place = words.firstIndex(of: "oom_kill"), place + 1 < words.count else { return false }
    return words[place + 1] != "0"
  }

  deinit {
    kill()
    // Those that were killed are in it until they are gone.
    let events = open("\(path)/cgroup.events", O_RDONLY | O_CLOEXEC)
    defer { if events >= 0 { close(events) } }
    var text = [UInt8](repeating: 0, count: 256)
    for _ in 0..<100 {
      // A change is told to who has read what was before.
      pread(events, &text, text.count, 0)
      if rmdir(path) == 0 || errno != EBUSY { return }
      var change = pollfd(fd: events, events: Int16(POLLPRI), revents: 0)
      poll(&change, 1, 100)
    }
  }
}
