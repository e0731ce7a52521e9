import Foundation
public import Inference
import Logging
public import Stores

/// Asks an agent: gives the model its instructions, streams the answer, and keeps what was said.
///
/// The question is kept before the model is asked, and the answer however it ends, so that neither a crash nor a
/// caller who leaves loses anything that somebody has seen.
public struct AgentRunner: Sendable {
  private let chats: ChatStore
  private let models: ModelCatalogue
  private let unfinished = UnfinishedWork()

  public init(chats: ChatStore, models: ModelCatalogue) {
    self.chats = chats
    self.models = models
  }

  /// Asks `agent`.
  ///
  /// - Throws: `InferenceError` where no model answers, `StoresError.noSuchSession` where the conversation is with
  ///   another agent or somebody else's. The stream throws `InferenceError` when the answer is cut, and
  ///   ``AgentsError/answerNotKept(reason:)`` after a whole answer that could not be written down.
  public func run(
    _ agent: AgentRecord, _ request: ChatRequest, options: RunOptions
  ) async throws -> AgentRun {
    let (provider, model) = try await models.resolve(request.wantsDefaultModel ? agent.model : request.model)
    let session = options.persist ? options.sessionID ?? UUID() : nil
    if let session {
      try await open(session, with: agent, request, model: model, options)
    }
    var order = request
    order.model = model
    order.messages = Self.messages(of: request, for: agent)
    let answer: ChatStream
    do {
      answer = try await provider.chat(order)
    } catch {
      await keep(ChatAssembly(), ending: Self.ending(after: error), in: session)
      throw error
    }
    let events = ChatStream { [unfinished] sink in
      try await unfinished.during { try await self.pass(answer, to: sink, session: session) }
    }
    return AgentRun(sessionID: session, model: model, events: events)
  }

  /// Whether the conversation that these options name is one that they may go on with, or open. ``run(_:_:options:)``
  /// checks it again; this is for telling so before anything else is said.
  /// - Throws: `StoresError.unavailable` where nothing can be kept.
  public func mayOpenSession(with agent: AgentRecord, _ options: RunOptions) async throws -> Bool {
    guard options.persist else { return true }
    try chats.checkAvailable()
    guard let session = options.sessionID else { return true }
    return try await chats.mayOpen(session, agentID: agent.id, openedBy: options.opener)
  }

  /// Waits until what was said in every conversation is kept. To be called before the databases are closed.
  public func settle() async { await unfinished.settle() }

  // MARK: Keeping what is said

  private func open(
    _ session: UUID, with agent: AgentRecord, _ request: ChatRequest, model: String, _ options: RunOptions
  ) async throws {
    let messages = request.messages
    _ = try await chats.openSession(
      session, agentID: agent.id, openedBy: options.opener, title: Self.title(of: request), model: model,
      source: options.source
    ) { isNew in
      let said = isNew ? messages[...] : Self.unanswered(in: messages)
      return said.filter { $0.role != "system" && $0.role != "developer" }.map(NewTurn.init)
    }
  }

  private func pass(
    _ answer: ChatStream, to sink: ChatStream.Sink, session: UUID?
  ) async throws {
    var assembly = ChatAssembly()
    do {
      for try await chunk in answer {
        assembly.add(chunk)
        try await sink.send(chunk)
      }
      // A stream that is cancelled may end instead of throwing.
      try Task.checkCancellation()
    } catch {
      await keep(assembly, ending: Self.ending(after: error), in: session)
      throw error
    }
    if let failure = await keep(assembly, ending: .complete, in: session) {
      throw AgentsError.answerNotKept(reason: failure)
    }
  }

  /// Keeps an answer, whole or not.
  /// - Returns: why it could not be kept.
  @discardableResult
  private func keep(_ answer: ChatAssembly, ending: TurnEnding, in session: UUID?) async -> String? {
    guard let session else { return nil }
    if ending != .complete, answer.content.isEmpty, answer.reasoning.isEmpty { return nil }
    let turn = NewTurn(answer, ending: ending)
    // In a task of its own, since the one that is asked for the answer may be cancelled.
    return await Task { [chats] in
      do {
        try await chats.append([turn], to: session)
        return nil
      } catch {
        return String(describing: error)
      }
    }.value
  }

  private static func ending(after error: any Error) -> TurnEnding {
    error is CancellationError || Task.isCancelled ? .cancelled : .cut
  }

  // MARK: What the model is told

  /// The agent's instructions, then the conversation. Many models take one system message, at the very beginning.
  static func messages(of request: ChatRequest, for agent: AgentRecord) -> [ChatMessage] {
    guard !agent.systemPrompt.isEmpty else { return request.messages }
    guard let first = request.messages.first, first.role == "system" else {
      return [.system(agent.systemPrompt)] + request.messages
    }
    let both = [agent.systemPrompt, first.content?.text ?? ""].filter { !$0.isEmpty }
    return [.system(both.joined(separator: "\n\n"))] + request.messages.dropFirst()
  }

  /// What was said since the last answer: callers repeat the whole conversation each time.
  static func unanswered(in messages: [ChatMessage]) -> ArraySlice<ChatMessage> {
    guard let last = messages.lastIndex(where: { $0.role == "assistant" }) else { return messages[...] }
    return messages[(last + 1)...]
  }

  /// The first line of the first question, at most 80 characters of it.
  static func title(of request: ChatRequest) -> String {
    let question = request.messages.first { $0.role == "user" }?.content?.text ?? ""
    let line = question.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    return String(line.prefix(80))
  }
}

extension NewTurn {
  /// Something a caller says.
  fileprivate init(_ message: ChatMessage) {
    self.init(
      role: message.role, content: message.content?.text ?? "", thinking: message.reasoningContent ?? "",
      toolCalls: Self.json(message.toolCalls), toolCallID: message.toolCallID,
      attachments: NewAttachment.all(in: message.content))
  }

  /// What a model said.
  fileprivate init(_ answer: ChatAssembly, ending: TurnEnding) {
    self.init(
      role: "assistant", content: answer.content, thinking: answer.reasoning,
      toolCalls: Self.json(answer.toolCalls), ending: ending)
  }

  private static func json(_ calls: [ToolCall]?) -> String? {
    guard let calls, !calls.isEmpty, let data = try? JSONEncoder().encode(calls) else { return nil }
    return String(decoding: data, as: UTF8.self)
  }
}
