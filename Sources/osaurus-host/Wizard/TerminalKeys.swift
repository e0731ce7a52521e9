/// Bytes of a terminal as keys. Sequences that mean nothing here, such as those of cursor keys, are passed over.
struct TerminalKeys {
  enum Key: Hashable {
    case character(Character)
    case enter, tab, backspace, clearLine
    /// Ctrl-C or Ctrl-D.
    case leave
    /// Ctrl-Z.
    case suspend
  }

  private enum Escape { case none, started, sequence }

  private var escape = Escape.none

  /// The key that a byte completes; nil for a part of one and for what is none.
  mutating func key(_ byte: UInt8) -> Key? {
    // Also within a sequence that was cut off.
    switch byte {
    case 3, 4: return .leave
    case 26: return .suspend
    default: break
    }
    switch escape {
    case .started:
      escape = byte == UInt8(ascii: "[") || byte == UInt8(ascii: "O") ? .sequence : .none
      return nil
    case .sequence:
      if (0x40...0x7e).contains(byte) { escape = .none }
      return nil
    case .none: break
    }
    switch byte {
    case 27: escape = .started
    case 10, 13: return .enter
    case 9: return .tab
    case 8, 127: return .backspace
    case 21: return .clearLine
    case 32..<127: return .character(Character(Unicode.Scalar(byte)))
    // No word has other characters. One that was pasted, such as a wide space, parts words.
    case 0xc2...0xf4: return .character(" ")
    default: break
    }
    return nil
  }
}
