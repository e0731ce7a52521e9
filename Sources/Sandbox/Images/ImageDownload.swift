package import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Brings an image from its address into a file. Nothing is looked at but its length; who asked compares the digest.
package struct ImageDownload: Sendable {
  /// How far it is: bytes, and how many there are where the server says so. Told for each MiB, and at the end.
  package typealias Progress = @Sendable (_ bytes: Int, _ all: Int?) -> Void

  /// How often an answer may send on.
  static let mostRedirections = 5

  let client: HTTPClient
  var most = RootImages.largestArchive

  package init(client: HTTPClient) { self.client = client }

  /// A client that follows nothing by itself, checks certificates against the system's, and gives up when nothing comes.
  static func standardClient() -> HTTPClient {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(connect: .seconds(30), read: .seconds(60)))
    configuration.httpVersion = .http1Only
    // Who is not there, or has no good certificate, is not asked again and again.
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  /// - Throws: ``SandboxError/imageNotFetched(_:reason:)``, ``SandboxError/imageAddressRefused(_:reason:)``,
  ///   ``SandboxError/imageRefused(_:)`` or ``SandboxError/folder(path:reason:)``.
  func run(
    _ address: ImageAddress, into file: ImageFile, progress: Progress
  ) async throws(SandboxError) {
    var address = address
    for _ in 0...Self.mostRedirections {
      let response = try await answer(of: address)
      switch response.status.code {
      case 200: return try await take(response, address, file, progress)
      case 301, 302, 303, 307, 308:
        guard let location = response.headers.first(name: "Location") else {
          throw .imageNotFetched("\(address)", reason: "the server sends on to nowhere")
        }
        address = try address.next(location)
      default:
        throw .imageNotFetched("\(address)", reason: "the server answers \(response.status.code)")
      }
    }
    throw .imageNotFetched(
      "\(address)", reason: "the server sends on more than \(Self.mostRedirections) times")
  }

  private func answer(of address: ImageAddress) async throws(SandboxError) -> HTTPClientResponse {
    var request = HTTPClientRequest(url: address.url.absoluteString)
    request.headers.add(name: "User-Agent", value: "osaurus-host")
    request.headers.add(name: "Accept-Encoding", value: "identity")
    do {
      return try await client.execute(request, deadline: .distantFuture)
    } catch {
      throw Self.failure(error, address)
    }
  }

  private func take(
    _ response: HTTPClientResponse, _ address: ImageAddress, _ file: ImageFile, _ progress: Progress
  ) async throws(SandboxError) {
    let all = response.headers.first(name: "Content-Length").flatMap { Int($0) }
    guard all ?? 0 <= most else { throw ImageFile.tooLong(most) }
    var parts = response.body.makeAsyncIterator()
    while true {
      let part: ByteBuffer?
      do { part = try await parts.next() } catch { throw Self.failure(error, address) }
      guard let part else { break }
      let before = file.total >> 20
      try file.write(part.readableBytesView.withUnsafeBytes { Array($0) })
      guard file.total <= most else { throw ImageFile.tooLong(most) }
      if file.total >> 20 != before || file.total == all { progress(file.total, all) }
    }
    guard all == nil || file.total == all else {
      throw .imageNotFetched("\(address)", reason: "it was cut off")
    }
  }

  private static func failure(_ error: any Error, _ address: ImageAddress) -> SandboxError {
    let reason =
      switch error as? HTTPClientError {
      case .connectTimeout?, .readTimeout?: "the server is silent"
      case .remoteConnectionClosed?: "it was cut off"
      default: error is CancellationError ? "it was cancelled" : String("\(error)".prefix(200))
      }
    return .imageNotFetched("\(address)", reason: reason)
  }
}
