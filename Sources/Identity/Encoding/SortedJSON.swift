/// A flat JSON object in the form in which the protocol signs such objects: keys in ascending order, no whitespace, `/`
/// escaped. (spec/01, 0.4: encoder S)
package enum SortedJSON {
  package enum Value: Hashable, Sendable {
    case text(String)
    case integer(Int64)
    case boolean(Bool)
  }

  package static func encode(_ members: [String: Value]) -> [UInt8] {
    var text: [UInt8] = [UInt8(ascii: "{")]
    // By the bytes of their UTF-8, as Swift orders ASCII.
    for (key, value) in members.sorted(by: { $0.key < $1.key }) {
      if text.count > 1 { text.append(UInt8(ascii: ",")) }
      JSONString.append(key, escapingSlashes: true, to: &text)
      text.append(UInt8(ascii: ":"))
      switch value {
      case .text(let string): JSONString.append(string, escapingSlashes: true, to: &text)
      case .integer(let number): text += String(number).utf8
      case .boolean(let truth): text += (truth ? "true" : "false").utf8
      }
    }
    text.append(UInt8(ascii: "}"))
    return text
  }
}
