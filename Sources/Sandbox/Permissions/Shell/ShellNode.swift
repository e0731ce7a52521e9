/// A part of a shell text as `shfmt --to-json` gives it: of each part what is needed, and all parts below it, also of kinds
/// that are not known here, so that no command in them is overlooked.
struct ShellNode: Decodable, Sendable {
  /// What it is, where its place in the tree does not tell: `CallExpr`, `Lit`, `CmdSubst` …
  private(set) var type: String?
  /// The literal text of a `Lit` or `SglQuoted`, with its backslashes.
  private(set) var text = ""
  /// Where it begins and ends, in bytes of the text.
  private(set) var start = 0
  private(set) var end = 0
  /// What is true of it.
  private(set) var flags: Set<String> = []
  /// What it consists of, by the name of the place in it.
  private(set) var parts: [String: [ShellNode]] = [:]
  /// Places of signs in it, such as `OpPos`.
  private(set) var positions: [String: Int] = [:]

  /// The names of all fields are of interest.
  private struct Field: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init?(stringValue: String) { self.stringValue = stringValue }

    init?(intValue: Int) { nil }
  }

  private struct Position: Decodable {
    let offset: Int

    enum CodingKeys: String, CodingKey { case offset = "Offset" }
  }

  init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Field.self)
    for field in fields.allKeys {
      if try fields.decodeNil(forKey: field) { continue }
      if (try? fields.nestedUnkeyedContainer(forKey: field)) != nil {
        // What is below is never left out: if it cannot be read, nothing is.
        parts[field.stringValue] = try fields.decode([ShellNode?].self, forKey: field).compactMap(\.self)
        continue
      }
      if let inner = try? fields.nestedContainer(keyedBy: Field.self, forKey: field) {
        if inner.allKeys.contains(where: { $0.stringValue == "Offset" }) {
          let offset = try fields.decode(Position.self, forKey: field).offset
          switch field.stringValue {
          case "Pos": start = offset
          case "End": end = offset
          default: positions[field.stringValue] = offset
          }
        } else {
          parts[field.stringValue] = [try fields.decode(ShellNode.self, forKey: field)]
        }
        continue
      }
      if let text = try? fields.decode(String.self, forKey: field) {
        if field.stringValue == "Type" {
          type = text
        } else if field.stringValue == "Value" {
          self.text = text
        }
      } else if let flag = try? fields.decode(Bool.self, forKey: field), flag {
        flags.insert(field.stringValue)
      }
    }
  }

  /// The one part at a place.
  func part(_ name: String) -> ShellNode? { parts[name]?.first }

  func list(_ name: String) -> [ShellNode] { parts[name] ?? [] }

  /// All parts, in the order of the text.
  var all: [ShellNode] { parts.values.joined().sorted { $0.start < $1.start } }

  /// Whether it is a command with its redirections.
  var isStatement: Bool { type == nil && (parts["Cmd"] != nil || parts["Redirs"] != nil) }
}
