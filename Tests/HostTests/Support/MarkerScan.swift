import Foundation

/// Looks for texts that must not be found, in every form in which programs leave them behind: UTF-8, UTF-16, hexadecimal digits, and
/// base64 wherever in a group it begins.
struct MarkerScan {
  private struct Needle {
    let marker: String
    let bytes: [UInt8]
  }

  /// By their first two bytes: everything is looked through once, whatever the number of markers.
  private let needles: [[Needle]]

  init(_ markers: [String]) {
    var needles = [[Needle]](repeating: [], count: 65_536)
    for marker in markers {
      for form in Self.forms(of: marker) where form.count > 1 {
        needles[Int(form[0]) << 8 | Int(form[1])].append(Needle(marker: marker, bytes: form))
      }
    }
    self.needles = needles
  }

  private static func forms(of marker: String) -> [[UInt8]] {
    let utf8 = Array(marker.utf8)
    let utf16 = Array(marker.utf16)
    let hex = utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    var forms = [
      utf8, utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] },
      utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }, Array(hex.utf8), Array(hex.uppercased().utf8),
    ]
    for shift in 0..<3 {
      let encoded = Array((Data(repeating: 0, count: shift) + Data(utf8)).base64EncodedString().utf8)
      // What stands before and after decides over the groups at both ends.
      let inner = Array(encoded[(shift == 0 ? 0 : 4)..<((shift + utf8.count) / 3 * 4)])
      forms.append(inner)
      forms.append(
        inner.map {
          $0 == UInt8(ascii: "+") ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0
        })
    }
    return forms
  }

  /// The markers that are in these bytes.
  func found(in bytes: Data) -> Set<String> {
    bytes.withUnsafeBytes { bytes in
      var found: Set<String> = []
      guard bytes.count > 1 else { return found }
      var pair = Int(bytes[0])
      for place in 0..<bytes.count - 1 {
        pair = (pair & 255) << 8 | Int(bytes[place + 1])
        guard !needles[pair].isEmpty else { continue }
        for needle in needles[pair]
        where needle.bytes.count <= bytes.count - place
          && needle.bytes.withUnsafeBytes({
            memcmp($0.baseAddress!, bytes.baseAddress! + place, $0.count) == 0
          })
        {
          found.insert(needle.marker)
        }
      }
      return found
    }
  }

  /// Each file that holds a marker, with the markers.
  func found(in files: [String: Data]) -> [String: Set<String>] {
    files.mapValues { found(in: $0) }.filter { !$0.value.isEmpty }
  }
}
