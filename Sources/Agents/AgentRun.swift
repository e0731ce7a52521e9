public import Foundation
public import Inference
public import Stores

/// How an agent is asked.
public struct RunOptions: Sendable {
  /// The conversation to go on with, or to open under this id; a new one without it.
  public var sessionID: UUID?
  /// Whether question and answer are kept.
  public var persist: Bool
  /// Where the question comes from.
  public var source: SessionSource
  /// Who asks. A conversation that somebody else opened is not gone on with.
  public var opener: SessionOpener

  public init(sessionID: UUID? = nil, persist: Bool = true, source: SessionSource, opener: SessionOpener) {
    self.sessionID = sessionID
    self.persist = persist
    self.source = source
    self.opener = opener
  }
}

/// An agent at work on an answer.
public struct AgentRun: Sendable {
  /// The conversation that it is kept in; nil where it is not kept.
  public let sessionID: UUID?
  /// The model that answers.
  public let model: String
  /// The answer as it comes. Dropping it stops the model; what had come by then is kept.
  public let events: ChatStream
}
