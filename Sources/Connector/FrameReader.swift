import NIOCore
import SecureChannel

/// Opens the frames of a streamed answer as they come. What was opened before something goes wrong is given out
/// first. When it goes, so does the connection.
actor FrameReader {
  private var body: PeerResponse?
  private var decoder: EventStreamDecoder
  private var opener: ResponseOpener
  private let limits: PeerLimits
  private var opened: [[UInt8]] = []
  private var failure: (any Error)?

  init(_ body: PeerResponse, opener: ResponseOpener, limits: PeerLimits) {
    self.body = body
    self.opener = opener
    self.limits = limits
    decoder = EventStreamDecoder(limit: limits.eventBytes)
  }

  /// The next piece of plaintext; nil after the authenticated end. One caller at a time.
  /// - Throws: ``ConnectorError`` or `CancellationError`, again and again.
  func next() async throws -> [UInt8]? {
    while true {
      if !opened.isEmpty { return opened.removeFirst() }
      if let failure { throw failure }
      if opener.isFinished {
        await finish()
        return nil
      }
      do {
        try await read()
      } catch {
        failure = error
        // Whoever goes on waiting for this answer must not keep the peer at work.
        body = nil
      }
    }
  }

  /// Ends the stream for whoever reads it: nobody wants the rest.
  func cancel() {
    body?.cancel()
    body = nil
  }

  private func read() async throws {
    guard let body else { throw CancellationError() }
    let piece: ByteBuffer?
    do {
      piece = try await body.next(within: limits.silence)
    } catch is TimeLimit.Exceeded {
      throw ConnectorError.silent(seconds: Int(limits.silence.components.seconds))
    } catch {
      throw Task.isCancelled ? CancellationError() : ConnectorError.streamTruncated
    }
    guard let piece else {
      throw Task.isCancelled ? CancellationError() : ConnectorError.streamTruncated
    }
    let events: [[UInt8]]
    do {
      events = try decoder.feed(piece.readableBytesView)
    } catch {
      throw ConnectorError.answerTooLarge
    }
    // What follows the authenticated end is no part of the answer.
    for event in events where !opener.isFinished {
      do {
        let plaintext = try event.withUnsafeBytes { try opener.openPiece($0) }
        if !plaintext.isEmpty { opened.append(plaintext) }
      } catch let error as SecureChannelError {
        throw ConnectorError(error)
      }
    }
  }

  /// Waits a moment for the end of the body, so that the connection can be used again.
  private func finish() async {
    guard let body else { return }
    self.body = nil
    let (limit, patience) = (limits.refusalBytes, limits.ending)
    _ = try? await TimeLimit.run(patience) {
      var left = limit
      while left > 0, let piece = try await body.next(within: patience) { left -= piece.readableBytes }
    }
  }
}
