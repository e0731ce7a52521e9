/// The path by which a request is routed. (spec/02, C7)
public enum RequestPath {
  /// Cuts the query off and takes one leading `/v1/api`, `/api` or `/v1` away. Nothing is decoded.
  public static func normalised(_ target: String) -> String {
    let path = target.utf8.firstIndex(of: UInt8(ascii: "?")).map { target[..<$0] } ?? target[...]
    for prefix in ["/v1/api", "/api", "/v1"] where path.hasPrefix(prefix) {
      let rest = path.dropFirst(prefix.count)
      if rest.isEmpty { return "/" }
      if rest.utf8.first == UInt8(ascii: "/") { return String(rest) }
    }
    return path.isEmpty ? "/" : String(path)
  }

  /// Whether a path could be read as one of the channel's own, `/secure` and what is below it: in any case, behind
  /// any number of prefixes, with empty, `.` and `..` segments, and percent-encoded, also more than once.
  /// Routes match literally, so most of these lead nowhere; nothing rests on that.
  static func leadsToChannel(_ target: String) -> Bool {
    guard mayName(target) else { return false }
    var path = Array(target.utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") })
    var rounds = 0
    while let decoded = percentDecoded(path) {
      path = decoded
      rounds += 1
      if rounds == 4 { return true }
    }
    var segments: [String] = []
    for segment in path.split(whereSeparator: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }) {
      switch String(decoding: segment, as: UTF8.self).lowercased() {
      case ".": break
      case "..": _ = segments.popLast()
      case let segment: segments.append(segment)
      }
    }
    return segments.first { $0 != "v1" && $0 != "api" } == "secure"
  }

  /// Whether `secure` stands in a text, or could be hidden in its escapes.
  private static func mayName(_ target: String) -> Bool {
    let name = "secure".utf8
    var matched = name.startIndex
    for byte in target.utf8 {
      if byte == UInt8(ascii: "%") { return true }
      if byte | 0x20 == name[matched] {
        matched = name.index(after: matched)
        if matched == name.endIndex { return true }
      } else {
        // No letter of the word but its first can begin it again.
        matched = byte | 0x20 == name.first ? name.index(after: name.startIndex) : name.startIndex
      }
    }
    return false
  }

  /// Decodes every escape once; nil when there is none.
  private static func percentDecoded(_ path: [UInt8]) -> [UInt8]? {
    guard path.contains(UInt8(ascii: "%")) else { return nil }
    var decoded: [UInt8] = []
    var index = 0
    while index < path.count {
      if path[index] == UInt8(ascii: "%"), index + 2 < path.count, let high = nibble(path[index + 1]),
        let low = nibble(path[index + 2])
      {
        decoded.append(high << 4 | low)
        index += 3
      } else {
        decoded.append(path[index])
        index += 1
      }
    }
    return decoded.count < path.count ? decoded : nil
  }

  private static func nibble(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
