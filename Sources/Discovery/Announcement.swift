/// What a host announces about one agent.
public struct Announcement: Hashable, Sendable {
  /// How often a name that is taken is changed before the service is given up.
  static let renames: UInt32 = 16

  public let record: ServiceRecord
  public let port: UInt16
  /// The number of the network interface to announce it on; nil for all.
  public let interface: Int?

  public init(_ record: ServiceRecord, port: UInt16, interface: Int? = nil) {
    self.record = record
    self.port = port
    self.interface = interface
  }

  /// The name that is asked for. The daemon may have to give it another one.
  var name: InstanceName { InstanceName(agent: record.name, id: record.id) }
}
