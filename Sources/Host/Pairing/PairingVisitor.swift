import Foundation
import Identity
import Pairing

/// A connector that asks to be let in, as far as it has proved who it is.
struct PairingVisitor: Hashable, Sendable {
  /// By which address it signed.
  let connector: Address
  /// What it shows, too.
  let words: PairingWords
  let agent: UUID
  let agentName: String
  let agentAddress: Address
  /// Where it asks from; nil for the owner's own socket.
  let source: SourceAddress?
}

/// A connector that waits for the owner's word.
struct WaitingVisitor: Hashable, Sendable {
  /// What names the request to the owner: eight lowercase digits.
  let id: String
  let visitor: PairingVisitor
  let askedAt: Date
  /// When it is denied if nothing was said.
  let endsAt: Date
}

/// What the owner says.
enum PairingWord: Hashable, Sendable {
  case allowed(isPermanent: Bool)
  case denied
}

/// What became of a request.
enum PairingEnding: Hashable, Sendable {
  /// It has a key now.
  case paired(peer: UUID)
  case denied
  /// It went away before it could have one, and has none.
  case gone
  /// Nothing could be made for it, and it was told so.
  case failed
}
