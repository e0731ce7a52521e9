/// A text that a shell reads, and where it comes from.
struct ShellText: Sendable {
  let bytes: [UInt8]
  /// Where an outer text, or a list of words, has it; nil for the outermost one.
  let origin: WordPlace?
  /// How many texts it is in.
  let depth: Int

  init(_ text: String, origin: WordPlace? = nil, depth: Int = 0) {
    bytes = Array(text.utf8)
    self.origin = origin
    self.depth = depth
  }

  var string: String { String(decoding: bytes, as: UTF8.self) }

  /// What is written between two places.
  func excerpt(_ start: Int, _ end: Int) -> String {
    let start = min(max(0, start), bytes.count)
    // No more than is shown is decoded.
    let end = min(max(start, end), bytes.count, start + 4 * Evidence.longestExcerpt + 4)
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  /// The place of something in it, in the outermost text.
  func place(_ start: Int, _ end: Int) -> WordPlace {
    WordPlace(
      excerpt: excerpt(start, end), offset: origin == nil ? start : origin?.offset, word: origin?.word)
  }

  func place(of node: ShellNode) -> WordPlace { place(node.start, node.end) }

  /// Whether these bytes are written at a place.
  func has(_ sign: String, at start: Int) -> Bool {
    let sign = Array(sign.utf8)
    return start >= 0 && start + sign.count <= bytes.count
      && Array(bytes[start..<start + sign.count]) == sign
  }
}

/// Where a word is written.
struct WordPlace: Hashable, Sendable {
  let excerpt: String
  let offset: Int?
  let word: Int?

  func evidence(_ reason: String) -> Evidence {
    Evidence(excerpt, offset: offset, word: word, reason: reason)
  }
}
