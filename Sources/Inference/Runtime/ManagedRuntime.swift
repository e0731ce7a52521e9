public import AsyncHTTPClient
public import Foundation

public actor ManagedRuntime: ModelProvider {
  /// The name of the model that it serves.
  public static let modelName = "smollm2-135m"

  public struct Settings: Sendable {
    /// How long it may be idle before it is stopped.
    public var idleLimit: Duration = .seconds(600)
    /// How much of a conversation it remembers, in tokens.
    public var contextTokens = 8192
    /// How many threads it computes with.
    public var threads = ProcessInfo.processInfo.activeProcessorCount
    public init() {}
  }

  public nonisolated let name = "managed"
  public nonisolated let folder: URL

  /// - Parameter folder: `data/runtime`; made when something is installed.
  public init(
    folder: URL, client: HTTPClient, environment: [String: String] = ProcessInfo.processInfo.environment,
    settings: Settings = .init()
  ) {
    self.folder = folder
  }

  public nonisolated var isInstalled: Bool { false }
  public func install(progress: @escaping @Sendable (InstallProgress) -> Void = { _ in }) async throws {}
  public func models() async throws -> [ModelDescription] { [] }
  public func chat(_ request: ChatRequest) async throws -> ChatStream {
    throw InferenceError.runtimeNotInstalled
  }
  public func embed(_ request: EmbeddingRequest) async throws -> EmbeddingResponse {
    throw InferenceError.runtimeNotInstalled
  }
  /// Stops the model for good.
  public func shutdown() async {}
}

/// How far an installation is.
public enum InstallProgress: Sendable, Hashable, CustomStringConvertible {
  case checking
  case installingEngine
  case downloadingModel
  case verifying
  case done

  public var description: String { "" }
}
