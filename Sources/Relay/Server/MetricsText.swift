/// A relay's numbers as Prometheus reads them.
struct MetricsText {
  private(set) var text = ""

  init(_ board: Switchboard) {
    let numbers = board.statistics.snapshot()
    gauge("uptime_seconds", "Seconds since the relay was started.", Int(numbers.uptime))
    gauge("tunnels", "Tunnels whose hosts have proved who they are.", numbers.tunnels)
    gauge("tunnels_unproven", "Sockets that have proved nothing yet.", numbers.unproven)
    gauge("agents", "Agents that are reached.", board.directory.count)
    gauge("connections", "Connections that are open.", board.connections.total)
    gauge("held_bytes", "Bytes of bodies that the relay holds.", board.budget.used)
    counter("tunnel_connections", "Tunnels that were authenticated.", numbers.connected)
    for event in RelayStatistics.Event.allCases {
      counter(event.metric.name, event.metric.help, numbers.events[event] ?? 0)
    }
    let name = "osaurus_relay_refusals_total"
    text += "# HELP \(name) Requests that were refused, by reason.\n# TYPE \(name) counter\n"
    for (refusal, count) in numbers.refusals.sorted(by: { $0.key.code < $1.key.code }) {
      text += "\(name){reason=\"\(refusal.code)\"} \(count)\n"
    }
  }

  private mutating func gauge(_ name: String, _ help: String, _ value: Int) {
    line("osaurus_relay_\(name)", "gauge", help, value)
  }

  private mutating func counter(_ name: String, _ help: String, _ value: Int) {
    line("osaurus_relay_\(name)_total", "counter", help, value)
  }

  private mutating func line(_ name: String, _ type: String, _ help: String, _ value: Int) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(name) \(value)\n"
  }
}
