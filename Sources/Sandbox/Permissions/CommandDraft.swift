import Crypto
import Foundation

/// A command that an agent wants to run, before anybody said that it may.
public struct CommandDraft: Hashable, Sendable {
  /// The longest text that is judged, in bytes.
  public static let longest = 64 << 10

  /// How it is written.
  public enum Form: Hashable, Sendable {
    /// A text that bash reads.
    case shell(String)
    /// A program and its arguments, which no shell reads.
    case words([String])
  }

  public let form: Form
  /// Where it is to run; by default in the agent's home.
  public var folder: SandboxPath?
  /// The variables that it asks for besides those that every command has.
  public var variables: [String: String] = [:]
  /// Whether it asks to run for more than ``ExecutionRequest/mostTime``.
  public var isLong = false
  /// Whether it is to be started with a way to the network.
  public var wantsNetwork = false
  /// The host's tools that it may call. Each call is asked for by itself.
  public var tools: [String] = []

  public init(_ form: Form) { self.form = form }

  /// SHA-256 of all of it, in hexadecimal digits: what an approval of this command, and of no other, is for.
  public var digest: String {
    var hash = SHA256()
    func add(_ text: String) {
      withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { hash.update(bufferPointer: $0) }
      hash.update(data: Data(text.utf8))
    }
    switch form {
    case .shell(let text):
      add("shell")
      add(text)
    case .words(let words):
      add("words \(words.count)")
      for word in words { add(word) }
    }
    add(folder?.text ?? "")
    for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
      add(name)
      add(value)
    }
    add("\(isLong) \(wantsNetwork)")
    for tool in tools.sorted() { add(tool) }
    return hash.finalize().map { byte in
      let digits = String(byte, radix: 16)
      return digits.utf8.count == 1 ? "0\(digits)" : digits
    }.joined()
  }

  /// All of it for a person, before anything in it is escaped: the variables first, but for values that look like keys.
  public var text: String {
    let command =
      switch form {
      case .shell(let text): text
      case .words(let words): words.map(Self.quoted).joined(separator: " ")
      }
    let lines = variables.sorted { $0.key < $1.key }.map { name, value in
      let isSecret = VariableRules.looksLikeKey(value)
      return "\(name)=\(isSecret ? "[hidden]" : Self.quoted(value))"
    }
    return (lines + [command]).joined(separator: "\n")
  }

  private static func quoted(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "+"), UInt8(ascii: ","),
        UInt8(ascii: "@"), UInt8(ascii: "%"):
        true
      default: false
      }
    }
    return isPlain && !word.isEmpty ? word : "'\(word.replacing("'", with: "'\\''"))'"
  }

  /// - Throws: ``JudgeRefusal``.
  func check() throws(JudgeRefusal) {
    let words: [String] =
      switch form {
      case .shell(let text): [text]
      case .words(let words): words
      }
    guard let first = words.first, first.utf8.contains(where: { $0 != 0x20 && $0 != 0x0a && $0 != 0x09 })
    else { throw .empty }
    guard !words.contains(where: { $0.utf8.contains(0) }) else { throw .zeroByte }
    guard words.reduce(0, { $0 + $1.utf8.count + 1 }) <= Self.longest + 1 else { throw .tooLong }
  }
}
