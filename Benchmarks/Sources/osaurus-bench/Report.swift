import Foundation

/// The measurements of one run, as a table for people and as JSON.
struct Report: Codable {
  var measurements: [Measurement] = []
  /// Plain readings without an alternative: memory, start-up.
  var readings: [Reading] = []

  struct Reading: Codable {
    let name: String
    let value: Double
    let unit: String
  }

  func table() -> String {
    var lines = ["| measured | ours | against | ratio | floor |", "|---|---|---|---|---|"]
    for measurement in measurements {
      let floor =
        measurement.floor.map { limit in
          "\(measurement.direction?.rawValue ?? "") \(limit) \(measurement.isMet == true ? "✓" : "✗")"
        } ?? ""
      lines.append(
        "| \(measurement.name) | \(Self.text(measurement.ours)) \(measurement.unit) "
          + "| \(measurement.alternativeName): \(Self.text(measurement.alternative)) \(measurement.unit) "
          + "| \(String(format: "%.2f", measurement.ratio)) | \(floor) |")
    }
    if !readings.isEmpty {
      lines += ["", "| read | value |", "|---|---|"]
      lines += readings.map { "| \($0.name) | \(Self.text($0.value)) \($0.unit) |" }
    }
    return lines.joined(separator: "\n")
  }

  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try encoder.encode(self).write(to: URL(filePath: path))
  }

  private static func text(_ value: Double) -> String {
    value >= 100 ? String(format: "%.0f", value) : String(format: "%.2f", value)
  }
}
