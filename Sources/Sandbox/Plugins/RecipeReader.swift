import Foundation

/// Walks over the members of a recipe, or of a part of it, and says of the first one that cannot be taken where it is and why.
struct RecipeReader {
  /// Bytes of everything that this version does not know.
  static let longestMetadata = 64 << 10

  private var members: [String: ToolValue]
  private let place: String
  /// The members that were asked for.
  private var known: Set<String> = []

  init(_ value: ToolValue, at place: String = "") throws(PluginRefusal) {
    guard case .object(let members) = value else {
      throw .recipe(field: place, reason: "it is no JSON object")
    }
    // What is null is not there.
    self.members = members.filter { $0.value != .null }
    self.place = place
  }

  func refuse(_ name: String, _ reason: String) -> PluginRefusal {
    .recipe(field: place.isEmpty ? name : "\(place).\(name)", reason: reason)
  }

  private func field(_ name: String) -> String { place.isEmpty ? name : "\(place).\(name)" }

  mutating func value(_ name: String) -> ToolValue? {
    known.insert(name)
    return members[name]
  }

  /// Refuses what nothing was asked about.
  func requireNothingElse() throws(PluginRefusal) {
    guard let unknown = members.keys.filter({ !known.contains($0) }).min() else { return }
    throw refuse(VisibleText.escaped(String(unknown.prefix(64))), "this version does not know it")
  }

  // MARK: Texts

  mutating func text(_ name: String, most: Int, isRequired: Bool = false) throws(PluginRefusal) -> String? {
    guard let value = value(name) else {
      if isRequired { throw refuse(name, "it is missing") }
      return nil
    }
    guard let text = value.string else { throw refuse(name, "it is no string") }
    guard text.utf8.count <= most else { throw refuse(name, "it has more than \(most) bytes") }
    guard !text.utf8.contains(0) else { throw refuse(name, "it has a NUL byte") }
    guard !isRequired || !text.allSatisfy(\.isWhitespace) else { throw refuse(name, "it is empty") }
    return text
  }

  /// A text without control characters.
  mutating func line(_ name: String, most: Int, isRequired: Bool = false) throws(PluginRefusal) -> String? {
    let text = try text(name, most: most, isRequired: isRequired)
    guard text?.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) != true else {
      throw refuse(name, "it has control characters")
    }
    return text
  }

  mutating func lines(_ name: String, most: Int, longest: Int) throws(PluginRefusal) -> [String] {
    guard let value = value(name) else { return [] }
    guard let elements = value.elements, elements.allSatisfy({ $0.string != nil }) else {
      throw refuse(name, "it is no array of strings")
    }
    let texts = elements.compactMap(\.string)
    guard texts.count <= most else { throw refuse(name, "it has more than \(most) entries") }
    guard
      texts.allSatisfy({ text in
        (1...longest).contains(text.utf8.count)
          && !text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7f }
      })
    else { throw refuse(name, "an entry is a line of 1 to \(longest) bytes") }
    guard Set(texts).count == texts.count else { throw refuse(name, "an entry is there twice") }
    return texts
  }

  mutating func flag(_ name: String) throws(PluginRefusal) -> Bool {
    guard let value = value(name) else { return false }
    guard let flag = value.bool else { throw refuse(name, "it is neither true nor false") }
    return flag
  }

  mutating func date(_ name: String) throws(PluginRefusal) -> String? {
    guard let text = try line(name, most: 64) else { return nil }
    let withFractions = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    guard (try? Date(text, strategy: .iso8601)) != nil || (try? Date(text, strategy: withFractions)) != nil
    else { throw refuse(name, "it is no time such as 2026-01-31T12:00:00Z") }
    return text
  }

  // MARK: Parts

  mutating func members(_ name: String) throws(PluginRefusal) -> [(String, ToolValue)] {
    guard let value = value(name) else { return [] }
    guard case .object(let members) = value else { throw refuse(name, "it is no JSON object") }
    return members.sorted { $0.key < $1.key }
  }

  mutating func files(_ name: String) throws(PluginRefusal) -> [PluginFile] {
    var files: [PluginFile] = []
    for (path, value) in try members(name) {
      guard let text = value.string else { throw refuse(name, "what is in a file is a string") }
      files.append(try PluginFile(path, text: text))
    }
    try PluginFile.check(files)
    return files
  }

  mutating func tools(_ name: String, of id: RecipeID) throws(PluginRefusal) -> [PluginRecipeTool] {
    guard let value = value(name) else { return [] }
    guard let elements = value.elements else { throw refuse(name, "it is no array") }
    guard elements.count <= PluginRecipe.mostTools else {
      throw refuse(name, "there are more than \(PluginRecipe.mostTools)")
    }
    var tools: [PluginRecipeTool] = []
    for (index, element) in elements.enumerated() {
      tools.append(try PluginRecipeTool(element, at: "\(name)[\(index)]", of: id))
    }
    guard Set(tools.map(\.id)).count == tools.count else { throw refuse(name, "two have the same id") }
    return tools
  }

  mutating func daemon(_ name: String) throws(PluginRefusal) -> PluginRecipe.Daemon? {
    guard let value = value(name) else { return nil }
    var inner = try RecipeReader(value, at: field(name))
    let command = try inner.text("command", most: CommandDraft.longest, isRequired: true) ?? ""
    var environment: [String: String] = [:]
    for (variable, value) in try inner.members("env") {
      guard VariableRules.refusal(ofName: variable) == nil, let text = value.string,
        text.utf8.count <= 4096, !text.utf8.contains(0)
      else { throw inner.refuse("env", "a variable has a name that may pass, and is text") }
      environment[variable] = text
    }
    guard environment.count <= 64 else { throw inner.refuse("env", "there are more than 64") }
    try inner.requireNothingElse()
    return PluginRecipe.Daemon(command: command, environment: environment)
  }

  mutating func secrets(_ name: String) throws(PluginRefusal) -> [String] {
    let names = try lines(name, most: 32, longest: 128)
    for secret in names {
      guard VariableRules.refusal(ofName: secret) == nil, !secret.hasPrefix(PluginRecipeTool.prefix) else {
        throw refuse(
          name,
          "'\(VisibleText.escaped(secret))' cannot be the name of a secret: it is one of a variable that nothing else has"
        )
      }
    }
    return names
  }

  mutating func events(_ name: String) throws(PluginRefusal) -> (subscribe: [String], emit: [String]) {
    guard let value = value(name) else { return ([], []) }
    var inner = try RecipeReader(value, at: field(name))
    let events = (
      subscribe: try inner.lines("subscribe", most: 64, longest: 100),
      emit: try inner.lines("emit", most: 64, longest: 100)
    )
    try inner.requireNothingElse()
    return events
  }

  mutating func permissions(_ name: String) throws(PluginRefusal) -> (PluginNetwork, Bool) {
    guard let value = value(name) else { return (.none, false) }
    var inner = try RecipeReader(value, at: field(name))
    let text = try inner.line("network", most: 16 << 10) ?? "none"
    guard let network = PluginNetwork(text) else {
      throw inner.refuse(
        "network",
        "it is neither none nor outbound, nor names of at most \(PluginNetwork.most) hosts with commas between them"
      )
    }
    let mayInfer = try inner.flag("inference")
    try inner.requireNothingElse()
    return (network, mayInfer)
  }

  /// All members, those that nobody asked about in the one that is called `name`.
  mutating func foldingTheRest(into name: String) throws(PluginRefusal) -> ToolValue {
    var rest = Dictionary(uniqueKeysWithValues: try members(name))
    for (key, value) in members where !known.contains(key) && rest[key] == nil { rest[key] = value }
    members = members.filter { known.contains($0.key) }
    if !rest.isEmpty { members[name] = .object(rest) }
    guard ToolValue.object(rest).json.utf8.count <= Self.longestMetadata else {
      throw refuse(
        name, "with what this version does not know, it has more than \(Self.longestMetadata >> 10) KiB")
    }
    return .object(members)
  }
}
