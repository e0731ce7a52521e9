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
    /// What it must not exceed, where that was promised.
    var limit: Double?
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
      lines += ["", "| read | value | limit |", "|---|---|---|"]
      lines += readings.map { reading in
        let limit =
          reading.limit.map { "\(Self.text($0)) \(reading.unit) \(reading.value <= $0 ? "✓" : "✗")" } ?? ""
        return "| \(reading.name) | \(Self.text(reading.value)) \(reading.unit) | \(limit) |"
      }
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
