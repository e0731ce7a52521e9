import CDNSSD
import Foundation
import Synchronization

/// A service on one interface and protocol, before it is known what it is.
struct InstancePlace: Hashable, Sendable {
  let interface: Int32
  let family: Int32
  let instance: String
  let domain: String
}

/// Where an instance is and what it says, as it came from the network.
struct ResolvedInstance: Hashable, Sendable {
  let host: String
  let address: String
  let port: UInt16
  let txt: [UInt8]
}

/// A link to the machine's DNS-SD daemon, from its opening to its end.
///
/// What is asked of it is done in order on a thread of its own and never waited for, since a daemon may hang; what
/// became of it is told by ``events``, which end when the link is good for nothing any more. A daemon that notices the
/// link's end withdraws all that was published through it.
final class Link: Sendable {
  enum Event: Hashable, Sendable {
    /// There is a bus, and no daemon on it yet.
    case waiting
    /// The daemon is there, and takes nothing yet.
    case settling
    case running
    /// What was published is on the network under this name.
    case established(UInt64, name: String)
    /// What was to be published is not on the network.
    case notPublished(UInt64, reason: String)
    case notUpdated(UInt64)
    case appeared(InstancePlace)
    case vanished(InstancePlace)
    case resolved(UInt64, ResolvedInstance)
    case notResolved(UInt64)
  }

  /// How many events may wait to be read. More than that are the end of the link, for none may be missed.
  private static let eventLimit = 16_384

  let events: AsyncStream<Event>
  private let sink: Sink
  private let queue = DispatchQueue(label: "osaurus-host.dns-sd")
  /// Used on the queue alone.
  private let handle = Mutex<OpaquePointer?>(nil)

  private init() {
    let (events, continuation) = AsyncStream.makeStream(
      of: Event.self, bufferingPolicy: .bufferingOldest(Self.eventLimit))
    self.events = events
    sink = Sink(continuation)
  }

  /// - Throws: ``DiscoveryError/noBus(reason:)``.
  static func open() async throws(DiscoveryError) -> Link {
    let link = Link()
    let error = await withCheckedContinuation { (continuation: CheckedContinuation<Int32, Never>) in
      link.queue.async { continuation.resume(returning: link.start()) }
    }
    guard error == 0 else { throw .noBus(reason: Self.words(error)) }
    return link
  }

  private func start() -> Int32 {
    handle.withLock { handle in
      let context = Unmanaged.passRetained(sink)
      var events = Sink.events(context: context.toOpaque())
      var error: Int32 = 0
      handle = osr_dnssd_open(&events, &error)
      guard handle == nil else { return 0 }
      context.release()
      return error
    }
  }

  /// Ends the link, and withdraws what was published through it. This does not wait for the daemon.
  func close() {
    sink.finish()
    queue.async { [self] in
      handle.withLock { handle in
        guard let link = handle else { return }
        osr_dnssd_close(link)
        handle = nil
        Unmanaged.passUnretained(sink).release()
      }
    }
  }

  // MARK: Asking

  /// - Parameter number: what events about it carry.
  func publish(_ announcement: Announcement, number: UInt64) {
    ask { link in
      let wire = announcement.record.txt.wire
      return osr_dnssd_publish(
        link, number, announcement.interface.map { Int32($0) } ?? OSR_DNSSD_ANY_INTERFACE,
        announcement.name.text, ServiceRecord.type, announcement.port, wire, wire.count,
        Announcement.renames)
    } onError: {
      .notPublished(number, reason: Self.words($0))
    }
  }

  /// Replaces what a published service says of itself.
  func update(_ txt: TXTRecord, number: UInt64) {
    ask {
      osr_dnssd_update($0, number, txt.wire, txt.wire.count)
    } onError: { _ in
      .notUpdated(number)
    }
  }

  func withdraw(_ number: UInt64) {
    ask {
      osr_dnssd_withdraw($0, number)
      return 0
    }
  }

  /// Looks for services until the link is closed.
  func browse() {
    ask {
      osr_dnssd_browse($0, ServiceRecord.type)
    } onError: { [sink] _ in
      sink.finish()
      return nil
    }
  }

  /// Asks where an instance is, and follows it.
  func resolve(_ place: InstancePlace, number: UInt64) {
    ask {
      osr_dnssd_resolve(
        $0, number, place.interface, place.family, place.instance, ServiceRecord.type, place.domain)
    } onError: { _ in
      .notResolved(number)
    }
  }

  func stopResolving(_ number: UInt64) {
    ask {
      osr_dnssd_stop_resolving($0, number)
      return 0
    }
  }

  private func ask(
    _ body: @escaping @Sendable (OpaquePointer) -> Int32,
    onError: @escaping @Sendable (Int32) -> Event? = { _ in nil }
  ) {
    queue.async { [self] in
      let error = handle.withLock { handle in handle.map(body) ?? 0 }
      if error != 0, let event = onError(error) { sink.tell(event) }
    }
  }

  private static func words(_ error: Int32) -> String { String(cString: osr_dnssd_error_text(error)) }
}

/// Where the callbacks of a link go.
private final class Sink: Sendable {
  private let continuation: AsyncStream<Link.Event>.Continuation

  init(_ continuation: AsyncStream<Link.Event>.Continuation) { self.continuation = continuation }

  func tell(_ event: Link.Event) {
    if case .dropped = continuation.yield(event) { continuation.finish() }
  }

  func finish() { continuation.finish() }

  private static func of(_ context: UnsafeMutableRawPointer?) -> Sink {
    Unmanaged<Sink>.fromOpaque(context!).takeUnretainedValue()
  }

  /// The callbacks, for a link whose context is a sink.
  static func events(context: UnsafeMutableRawPointer) -> osr_dnssd_events {
    osr_dnssd_events(
      context: context,
      link: { context, state, _ in
        switch state {
        case OSR_DNSSD_WAITING: Sink.of(context).tell(.waiting)
        case OSR_DNSSD_SETTLING: Sink.of(context).tell(.settling)
        case OSR_DNSSD_RUNNING: Sink.of(context).tell(.running)
        default: Sink.of(context).finish()
        }
      },
      published: { context, number, name, error in
        Sink.of(context).tell(
          error == 0
            ? .established(number, name: String(cString: name!))
            : .notPublished(number, reason: String(cString: osr_dnssd_error_text(error))))
      },
      instance: { context, isThere, interface, family, name, domain in
        let place = InstancePlace(
          interface: interface, family: family, instance: String(cString: name!),
          domain: String(cString: domain!))
        Sink.of(context).tell(isThere == 1 ? .appeared(place) : .vanished(place))
      },
      resolved: { context, number, error, host, address, port, txt, length in
        guard error == 0 else { return Sink.of(context).tell(.notResolved(number)) }
        // One byte more than is read, by which a record is seen to be too long.
        let txt = UnsafeBufferPointer(start: txt, count: min(length, TXTRecord.limit + 1))
        Sink.of(context).tell(
          .resolved(
            number,
            ResolvedInstance(
              host: String(cString: host!), address: String(cString: address!), port: port, txt: Array(txt))))
      })
  }
}
