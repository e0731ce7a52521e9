import ArgumentParser
import Foundation
import Relay

/// `limits`: what the relay takes from whom.
struct LimitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limits",
    abstract: "Show every limit with its value.",
    discussion: """
      Example: osaurus-relay limits --limit requests-per-minute=200
      Each is set with --limit NAME=VALUE, or by its variable: OSAURUS_RELAY_REQUESTS_PER_MINUTE=200.
      """)

  @Option(name: .customLong("limit"), help: "Show the limits as they are with this one.") var limits:
    [String] = []
  @Flag(help: "Print JSON.") var json = false

  private struct Row: Encodable {
    let name: String
    let value: Int
    let unit: String
    let variable: String
    let meaning: String
  }

  func run() throws {
    var values = RelayLimits()
    try RelayLimit.apply(environment: ProcessInfo.processInfo.environment, to: &values)
    for limit in limits { try RelayLimit.apply(limit, to: &values) }
    let rows = RelayLimit.all.map { limit in
      Row(
        name: limit.name, value: limit.value(in: values), unit: limit.unit.rawValue, variable: limit.variable,
        meaning: limit.meaning)
    }
    guard !json else { return print(JSONText.encode(rows)) }
    let widths = (rows.map(\.name.count).max() ?? 0, rows.map { "\($0.value)".count }.max() ?? 0)
    for row in rows {
      let name = row.name.padding(toLength: widths.0, withPad: " ", startingAt: 0)
      let value = String(repeating: " ", count: widths.1 - "\(row.value)".count) + "\(row.value)"
      let unit = row.unit == "number" ? "" : "\(row.unit) "
      print("\(name)  \(value)  \(unit)\(row.meaning)")
    }
  }
}
