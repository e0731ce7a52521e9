/// Why the memory refused, each as a sentence for a person.
public enum MemoryError: Error, Hashable, Sendable {
  /// Nothing is remembered under that id.
  case noSuchMemory(String)
  /// The text is empty, or longer than ``NewMemory/longestContent``.
  case badContent
  /// The salience is not a number from 0 to 1.
  case badSalience
  /// Only what the owner says, and only of the layer `identity`, is for all agents.
  case needsAgent
  /// A conversation's name is empty or longer than 200 bytes.
  case badConversation
}

extension MemoryError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSuchMemory(let id): "Nothing is remembered as '\(id)'; see 'osaurus-host memory list'."
    case .badContent: "A memory has 1 byte to 64 KiB of text."
    case .badSalience: "The salience of a memory is a number from 0 to 1."
    case .needsAgent: "Say which agent is to remember that; only the layer 'identity' can be for all of them."
    case .badConversation: "A conversation is called by 1 to 200 bytes of text."
    }
  }
}
