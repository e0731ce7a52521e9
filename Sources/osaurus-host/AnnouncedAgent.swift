import Connector
import Discovery
import Foundation
import Identity

/// The announced agent that a person means.
enum AnnouncedAgent {
  /// Looks on the network, and asks where several could be meant.
  /// - Parameter wish: its name, id or address; nil for any that is announced.
  static func choose(_ wish: String?) async throws -> PairingTarget {
    let progress = ProgressLine(isQuiet: !Terminal.isDecorated(.error))
    progress.show("looking for agents on the network")
    defer { progress.clear() }
    let found = try await BrowseCommand.look(for: .seconds(3), try await BrowseFilter.current()).rows
    progress.clear()
    let meant = found.filter { row in wish.map { row.isMeant(by: $0) } ?? true }
    let row = try pick(meant, wish)
    guard row.secure else {
      throw CommandFailure(
        .failed, "upgrade_required", "\(row.name) on \(row.host) speaks no secure channel.",
        nextStep: "Have its owner upgrade the program there.")
    }
    if let peer = row.peer { Terminal.note("Its address is known here already, as \(peer).") }
    Terminal.note("\(row.name) on \(row.host) says to be \(row.address ?? "nobody by an address").")
    return try PairingTarget(
      url: row.url, agent: row.id, address: try row.address.map { try Address($0) })
  }

  private static func pick(_ rows: [BrowseRow], _ wish: String?) throws -> BrowseRow {
    guard let first = rows.first else {
      throw CommandFailure(
        .notFound, "not_found",
        wish.map { "No agent called '\($0)' is announced." } ?? "No agents are announced.",
        nextStep: "See 'osaurus-host connect browse', or say where it is with --url and --agent.")
    }
    if rows.count == 1, wish != nil { return first }
    guard Terminal.inputIsTerminal else {
      throw CommandFailure.wrongUsage(
        wish == nil
          ? "Say which agent: its name, or --url and --agent."
          : "Several agents are announced so; say which one by --url and --agent, from 'connect browse'.")
    }
    for (number, row) in rows.enumerated() {
      Terminal.note(
        "  \(number + 1)  \(row.name)  \(row.address ?? "no address")  \(row.host):\(row.port)  \(row.state)")
    }
    Terminal.note("Which one? [1-\(rows.count)]")
    guard let answer = readLine(), let number = Int(answer.trimmingCharacters(in: .whitespaces)),
      rows.indices.contains(number - 1)
    else { throw CommandFailure(.failed, "not_confirmed", "Nothing was asked.") }
    return rows[number - 1]
  }
}

extension BrowseRow {
  /// Whether a person who writes this may mean it.
  fileprivate func isMeant(by text: String) -> Bool {
    name.caseInsensitiveCompare(text) == .orderedSame || id.caseInsensitiveCompare(text) == .orderedSame
      || address?.caseInsensitiveCompare(text) == .orderedSame
  }
}
