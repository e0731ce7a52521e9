import Foundation
import Identity

/// What kind of thing a route does: all that `AccessPolicy` needs to know of it.
enum RouteClass: Hashable, Sendable {
  /// Greets a person who looks by.
  case greeting
  /// Says that a host is here, and nothing else about it.
  case publicInformation
  /// Opens a secure channel.
  case handshake
  /// Lets a connector ask for an agent; the owner decides.
  case pairing
  /// Takes an invite, which speaks for itself.
  case redemption
  /// Carries a sealed request; what is inside is decided on by itself.
  case envelope
  /// Names the models.
  case catalogue
  /// Uses a model.
  case inference
  /// Lists the agents that the caller may know of.
  case agentCatalogue
  /// Describes the agent with this address; nil where the path names none.
  case agentDetails(Address?)
  /// Runs the agent with this address; nil where the path names none.
  case agentRun(Address?)
  /// Is about an agent that the body names. Once that is read, it is decided on as ``agentRun(_:)``.
  case agentInBody
  /// Changes or shows what only the owner may.
  case administration
  /// Serves a command in a sandbox of its own agent. The agent is the one that the request names; nil where it names none.
  case sandboxService(agent: UUID?)
  /// No route has this method and path.
  case unknown
}
