import Foundation
import NIOCore

/// Notices that the network of this machine is another one: that it has other addresses, or other ways out.
///
/// It looks at both every few seconds, which takes no more than a read of two small files and of the list of interfaces.
struct NetworkWatch: Sendable {
  static let interval = Duration.seconds(3)

  let look: @Sendable () -> Set<String>

  /// - Parameter look: what the network is like; two that are equal are the same network.
  init(look: @escaping @Sendable () -> Set<String> = NetworkWatch.present) { self.look = look }

  /// Calls `changed` after every change, until the task is cancelled.
  func run<Time: Clock>(clock: Time = ContinuousClock(), changed: @Sendable () async -> Void) async
  where Time.Duration == Duration {
    var last = look()
    while (try? await clock.sleep(for: Self.interval)) != nil {
      let now = look()
      if now != last { await changed() }
      last = now
    }
  }

  /// The addresses that others may reach, and the ways out.
  static func present() -> Set<String> {
    let addresses = ((try? System.enumerateDevices()) ?? []).compactMap { device in
      device.address?.ipAddress.map { "\(device.name) \($0)" }
    }
    let routes = ["/proc/net/route", "/proc/net/ipv6_route"].flatMap { file -> [String] in
      guard let text = try? FileHandle(forReadingFrom: URL(filePath: file)).readToEnd() else { return [] }
      return defaultRoutes(String(decoding: text, as: UTF8.self))
    }
    return Set(addresses + routes)
  }

  /// The lines of default routes, without what changes by itself: how often they are used.
  static func defaultRoutes(_ table: String) -> [String] {
    table.split(separator: "\n").compactMap { line in
      let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
      // IPv4: interface, destination, gateway, … IPv6: destination, its length, …, next hop, …, interface.
      if words.count >= 8, words[1] == "00000000" { return words[0...2].joined(separator: " ") }
      if words.count == 10, words[1] == "00", words[9] != "lo" { return "\(words[4]) \(words[9])" }
      return nil
    }
  }
}
