import Foundation

/// How long an access key lives. The raw values are what people write. (spec/01, A8)
public enum AccessKeyExpiry: String, CaseIterable, Codable, Sendable {
  case days30 = "30d"
  case days90 = "90d"
  case year = "1y"
  case never

  /// The Unix second from which a key issued at `issuedAt` is refused; nil for never. Days are of the calendar in
  /// UTC, and a year is a calendar year.
  public func end(issuedAt: Int64) -> Int64? {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    let (unit, amount): (Calendar.Component, Int)
    switch self {
    case .days30: (unit, amount) = (.day, 30)
    case .days90: (unit, amount) = (.day, 90)
    case .year: (unit, amount) = (.year, 1)
    case .never: return nil
    }
    let start = Date(timeIntervalSince1970: TimeInterval(issuedAt))
    return calendar.date(byAdding: unit, value: amount, to: start).map { Int64($0.timeIntervalSince1970) }
  }
}
