/// A word of a command, as far as it is known before the command runs.
struct KnownWord: Sendable {
  /// What is known of it, without quotes.
  private(set) var text = ""
  /// Whether that is all of it.
  private(set) var isWhole = true
  /// Whether it may become several words, or none.
  private(set) var isSplit = false
  /// Whether what it is is told by a command in it.
  private(set) var holdsProcess = false
  /// How much of the beginning is known for sure.
  private(set) var beginning = ""
  let place: WordPlace

  /// A word that no shell reads.
  init(_ text: String, place: WordPlace) {
    self.text = text
    beginning = text
    self.place = place
  }

  /// A word of a shell text.
  /// - Parameter home: what `~` stands for.
  init(_ word: ShellNode, in source: ShellText, home: String) {
    place = source.place(of: word)
    for (index, part) in word.list("Parts").enumerated() {
      take(part, isQuoted: false, isFirst: index == 0, home: home)
    }
  }

  /// A word without its beginning.
  init(_ word: KnownWord, without beginning: String) {
    self = word
    if text.hasPrefix(beginning) { text.removeFirst(beginning.count) }
    if self.beginning.hasPrefix(beginning) { self.beginning.removeFirst(beginning.count) }
  }

  /// What it is, if that is known.
  var literal: String? { isWhole ? text : nil }

  /// The same, where something else is put in the place of these characters before it runs.
  func filled(at token: String) -> KnownWord {
    guard !token.isEmpty, let hole = text.firstRange(of: token) else { return self }
    var word = self
    word.isWhole = false
    word.beginning = String(text[..<hole.lowerBound])
    return word
  }

  private mutating func add(_ known: String) {
    text += known
    if isWhole { beginning += known }
  }

  private mutating func loseTrack(splits: Bool) {
    isWhole = false
    if splits { isSplit = true }
  }

  private mutating func take(_ part: ShellNode, isQuoted: Bool, isFirst: Bool, home: String) {
    switch part.type {
    case "Lit": isQuoted ? takeQuoted(part.text) : takePlain(part.text, isFirst: isFirst, home: home)
    case "SglQuoted": add(part.flags.contains("Dollar") ? EscapedText.decoded(part.text) : part.text)
    case "DblQuoted":
      for inner in part.list("Parts") { take(inner, isQuoted: true, isFirst: false, home: home) }
    case "ProcSubst":
      holdsProcess = true
      loseTrack(splits: false)
    default: loseTrack(splits: !isQuoted)
    }
  }

  /// Text between double quotes, where a backslash is one but before four characters and a newline.
  private mutating func takeQuoted(_ text: String) {
    var scalars = text.unicodeScalars.makeIterator()
    var plain = String.UnicodeScalarView()
    while let scalar = scalars.next() {
      guard scalar == "\\", let next = scalars.next() else {
        plain.append(scalar)
        continue
      }
      switch next {
      case "\n": break
      case "$", "`", "\"", "\\": plain.append(next)
      default:
        plain.append(scalar)
        plain.append(next)
      }
    }
    add(String(plain))
  }

  /// Text without quotes: backslashes go, and what stands for names of files or several words is not known.
  private mutating func takePlain(_ text: String, isFirst: Bool, home: String) {
    var plain = String.UnicodeScalarView()
    let scalars = Array(text.unicodeScalars)
    var place = 0
    if isFirst, scalars.first == "~" {
      let end = scalars.firstIndex(of: "/") ?? scalars.count
      if end == 1 { plain.append(contentsOf: home.unicodeScalars) } else { loseTrack(splits: false) }
      place = end
    }
    while place < scalars.count {
      let scalar = scalars[place]
      place += 1
      switch scalar {
      case "\\":
        guard place < scalars.count else { break }
        if scalars[place] != "\n" { plain.append(scalars[place]) }
        place += 1
      case "*", "?":
        add(String(plain))
        plain = String.UnicodeScalarView()
        loseTrack(splits: true)
      case "[" where scalars[place...].contains("]"), "{" where Self.expands(scalars[place...]):
        add(String(plain))
        plain = String.UnicodeScalarView()
        loseTrack(splits: true)
        plain.append(scalar)
      default: plain.append(scalar)
      }
    }
    add(String(plain))
  }

  /// Whether what follows a brace makes several words of one. Where its end is not in sight, it may be quoted otherwise, as
  /// another part of the word.
  private static func expands(_ rest: ArraySlice<Unicode.Scalar>) -> Bool {
    guard let end = rest.firstIndex(of: "}") else { return true }
    let inner = rest[..<end]
    return inner.contains(",") || inner.contains("{")
      || zip(inner, inner.dropFirst()).contains { $0 == "." && $1 == "." }
  }
}

/// What bash makes of the characters between `$'` and `'`.
enum EscapedText {
  static func decoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    let scalars = Array(text.unicodeScalars)
    var place = 0
    while place < scalars.count {
      let scalar = scalars[place]
      place += 1
      guard scalar == "\\", place < scalars.count else {
        bytes += Array(String(scalar).utf8)
        continue
      }
      let kind = scalars[place]
      place += 1
      switch kind {
      case "a": bytes.append(7)
      case "b": bytes.append(8)
      case "e", "E": bytes.append(27)
      case "f": bytes.append(12)
      case "n": bytes.append(10)
      case "r": bytes.append(13)
      case "t": bytes.append(9)
      case "v": bytes.append(11)
      case "x":
        number(scalars, &place, radix: 16, most: 2).map { bytes.append(UInt8(truncatingIfNeeded: $0)) }
      case "u": bytes += character(number(scalars, &place, radix: 16, most: 4))
      case "U": bytes += character(number(scalars, &place, radix: 16, most: 8))
      case "0"..."7":
        place -= 1
        number(scalars, &place, radix: 8, most: 3).map { bytes.append(UInt8(truncatingIfNeeded: $0)) }
      case "c":
        guard place < scalars.count else { break }
        bytes.append(UInt8(truncatingIfNeeded: scalars[place].value & 0x1f))
        place += 1
      case "\\", "'", "\"", "?": bytes += Array(String(kind).utf8)
      default: bytes += Array("\\\(kind)".utf8)
      }
    }
    // Nothing after a NUL is seen.
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  private static func number(
    _ scalars: [Unicode.Scalar], _ place: inout Int, radix: Int, most: Int
  ) -> UInt32? {
    var digits = ""
    while place < scalars.count, digits.utf8.count < most, scalars[place].isASCII,
      Character(scalars[place]).hexDigitValue.map({ $0 < radix }) == true
    {
      digits.unicodeScalars.append(scalars[place])
      place += 1
    }
    return UInt32(digits, radix: radix)
  }

  private static func character(_ value: UInt32?) -> [UInt8] {
    value.flatMap(Unicode.Scalar.init).map { Array(String($0).utf8) } ?? []
  }
}
