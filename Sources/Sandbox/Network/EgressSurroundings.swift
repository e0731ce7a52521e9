import NIOCore

/// What the proxy stands on. Production has one of it; tests bring a resolver and servers of their own.
package struct EgressSurroundings: Sendable {
  /// As it is.
  static let internet = EgressSurroundings(resolver: SystemResolver(), rule: .internet)

  let resolver: any EgressResolver
  let rule: AddressRule
  /// How many connections of one command may be open; each takes two descriptors of the host.
  var mostOpen = 64
  /// How long it may take until a connection is made: being asked, finding the address, connecting.
  var establishing = TimeAmount.seconds(30)
  /// How long nothing may go over a connection.
  var idling = TimeAmount.minutes(10)
  /// For the check that attempts to get through can tell: nothing that is asked for is refused for how it is written or for not
  /// being listed.
  var isOpen = false

  init(resolver: any EgressResolver, rule: AddressRule) {
    self.resolver = resolver
    self.rule = rule
  }
}
