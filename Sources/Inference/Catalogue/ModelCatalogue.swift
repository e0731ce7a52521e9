public import AsyncHTTPClient

/// Every model that can be asked now, and which server to ask for it: first the configured server, then those
/// detected on this machine, then the managed runtime if it is installed.
///
/// What servers offer is asked for at most once in ten seconds, however many want to know.
public actor ModelCatalogue {
  /// How long an answer about what is offered holds.
  static let lifetime: Duration = .seconds(10)

  private struct Offer: Sendable {
    var provider: any ModelProvider
    var models: [ModelDescription]
    var failure: InferenceError?
    var isConfigured = false
  }

  private let configured: OpenAIProvider?
  private let servers: LocalServers?
  private let managed: ManagedRuntime?
  private let defaultModel: String?
  /// The newest answers that have come.
  private var newest: [Offer]?
  private var latest: (task: Task<[Offer], Never>, time: ContinuousClock.Instant)?

  /// - Parameters:
  ///   - configured: the server that the owner named.
  ///   - detect: whether to look for servers on this machine.
  ///   - managed: the managed runtime, installed or not.
  ///   - defaultModel: the model for requests that name none.
  ///   - client: a client from `HTTPClient.forModels()`.
  public init(
    configured: OpenAIProvider?, detect: Bool, managed: ManagedRuntime?, defaultModel: String?,
    client: HTTPClient
  ) {
    self.init(
      configured: configured, servers: detect ? LocalServers(client: client) : nil, managed: managed,
      defaultModel: defaultModel)
  }

  init(
    configured: OpenAIProvider?, servers: LocalServers?, managed: ManagedRuntime?, defaultModel: String?
  ) {
    self.configured = configured
    self.servers = servers
    self.managed = managed
    self.defaultModel = defaultModel.flatMap { $0.isEmpty || $0 == "default" ? nil : $0 }
  }

  /// The models on offer, each name once, in the order in which they are preferred.
  public func models() async -> [ModelDescription] {
    Self.distinct(await offers())
  }

  private static func distinct(_ offers: [Offer]) -> [ModelDescription] {
    var seen: Set<String> = []
    return offers.flatMap(\.models).filter { seen.insert($0.id).inserted }
  }

  /// What is on offer as far as it is known, and the default among it; nil before servers have answered once. It waits
  /// for nobody, and has the servers asked again when what is known is old.
  public func known() -> (models: [ModelDescription], current: String?)? {
    if latest.map({ $0.time.duration(to: .now) >= Self.lifetime }) ?? true { Task { await offers() } }
    guard let newest else { return nil }
    return (Self.distinct(newest), (try? find(defaultModel, in: newest))?.model ?? defaultModel)
  }

  /// The server to ask for a model, and the name that it knows it by.
  ///
  /// - Parameters:
  ///   - model: a name; `nil`, `""` and `default` mean the default model.
  ///   - isOwners: whether the owner chose it, so that the configured server is asked for it even where it does not list
  ///     it.
  /// - Throws: `InferenceError.noModel`, `.unknownModel`, or why the configured server cannot say what it has.
  public func resolve(
    _ model: String?, isOwners: Bool = false
  ) async throws -> (provider: any ModelProvider, model: String) {
    let wanted = model.flatMap { $0.isEmpty || $0 == "default" ? nil : $0 } ?? defaultModel
    var offers = await offers()
    if let found = try find(wanted, in: offers) { return found }
    if let latest, latest.time.duration(to: .now) > .seconds(1) {
      // What is wanted may have come since.
      self.latest = nil
      offers = await self.offers()
      if let found = try find(wanted, in: offers) { return found }
    }
    guard let wanted else { throw InferenceError.noModel }
    if let own = offers.first(where: \.isConfigured), own.failure != nil || isOwners || wanted == defaultModel
    {
      // The owner named the server, and it does not list what it has, or the owner named the model too.
      return (own.provider, wanted)
    }
    if wanted == ManagedRuntime.modelName { throw InferenceError.runtimeNotInstalled }
    throw offers.contains { !$0.models.isEmpty }
      ? InferenceError.unknownModel(wanted) : InferenceError.noModel
  }

  /// Forgets what servers offer, so that the next question asks them again.
  public func refresh() { latest = nil }

  private func find(
    _ wanted: String?, in offers: [Offer]
  ) throws -> (provider: any ModelProvider, model: String)? {
    guard let wanted else {
      // The owner's own server is not quietly replaced by another because it is down.
      if let own = offers.first(where: \.isConfigured), let failure = own.failure { throw failure }
      return offers.lazy.compactMap { offer in offer.models.first.map { (offer.provider, $0.id) } }.first
    }
    // Ollama lists `name:latest` for what people call `name`.
    for name in [wanted, wanted + ":latest"] {
      for offer in offers where offer.models.contains(where: { $0.id == name }) {
        return (offer.provider, name)
      }
    }
    return nil
  }

  @discardableResult
  private func offers() async -> [Offer] {
    let offers = await asking().value
    newest = offers
    return offers
  }

  /// The asking that is under way or was within the last seconds, or a new one.
  private func asking() -> Task<[Offer], Never> {
    if let latest, latest.time.duration(to: .now) < Self.lifetime { return latest.task }
    let task = Task { [configured, servers, managed] in
      async let own = Self.offer(of: configured)
      async let found = servers?.detect() ?? []
      async let installed = Self.offer(of: managed)
      return await [own].compactMap(\.self)
        + (await found).map { Offer(provider: $0.provider, models: $0.models) }
        + [installed].compactMap(\.self)
    }
    latest = (task, .now)
    return task
  }

  private static func offer(of provider: OpenAIProvider?) async -> Offer? {
    guard let provider else { return nil }
    do {
      return Offer(provider: provider, models: try await provider.models(), isConfigured: true)
    } catch {
      let failure = error as? InferenceError ?? .unreachable(provider: provider.name)
      return Offer(provider: provider, models: [], failure: failure, isConfigured: true)
    }
  }

  private static func offer(of managed: ManagedRuntime?) async -> Offer? {
    guard let managed, let models = try? await managed.models(), !models.isEmpty else { return nil }
    return Offer(provider: managed, models: models)
  }
}
