import Connector
import Foundation
import Identity

/// What to call a host that is new here.
enum PeerName {
  /// Stands for any address where only a name is looked at.
  static let anyAddress = Address(bytes: [UInt8](repeating: 0, count: Address.byteCount))!

  /// An agent's name as a name for its host, with a number where that is taken.
  static func free(for agent: String, in book: PeerBook) throws -> String {
    let taken = Set(try book.list().map(\.name))
    let plain = oneLine(agent.replacing("/", with: " ")).prefix(60)
    let base = (try? Peer(name: String(plain), url: "http://host", address: anyAddress))?.name ?? "agent"
    return ([base] + (2...99).map { "\(base) \($0)" }).first { !taken.contains($0) } ?? base
  }

  /// Somebody else's words in one line, so that they cannot be taken for lines of this program.
  static func oneLine(_ text: String) -> String {
    Terminal.withoutControls(text).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
