import HTTPTypes
import Hummingbird
import Identity

/// What a host answers to. A route cannot be added without saying what class it is of.
///
/// Paths are without the prefixes `/v1`, `/api` and `/v1/api`, which the front door takes off. A segment in braces,
/// as in `/agents/{id}`, takes any one segment, which the handler finds in its context's `parameters`. Where
/// both match, a literal segment wins.
struct Routes: Sendable {
  typealias Handler = @Sendable (Request, HostContext) async throws -> Response

  /// Adds a route whose class is the same for every request.
  mutating func on(
    _ method: HTTPRequest.Method, _ path: String, _ routeClass: RouteClass, use handler: @escaping Handler
  ) {
    add(Route(method: method, pattern: Self.segments(of: path), kind: .fixed(routeClass), handler: handler))
  }

  /// Adds a route about the agent that the path segment `{parameter}` names. Its class is made of that
  /// agent's address: `routes.on(.post, "/agents/{id}/run", agent: "id", RouteClass.agentRun, use: run)`.
  mutating func on(
    _ method: HTTPRequest.Method, _ path: String, agent parameter: String,
    _ routeClass: @escaping @Sendable (Address?) -> RouteClass, use handler: @escaping Handler
  ) {
    let kind = Route.Kind.agent(parameter: parameter, routeClass)
    add(Route(method: method, pattern: Self.segments(of: path), kind: kind, handler: handler))
  }

  /// Adds all routes of a group.
  mutating func add(_ group: some RouteGroup) { group.register(on: &self) }

  // MARK: Finding

  /// One entry.
  struct Route: Sendable {
    enum Kind: Sendable {
      case fixed(RouteClass)
      case agent(parameter: String, @Sendable (Address?) -> RouteClass)
    }
    let method: HTTPRequest.Method
    let pattern: [Segment]
    let kind: Kind
    let handler: Handler

    /// The class as far as it is known before anything was looked up.
    var initialClass: RouteClass {
      switch kind {
      case .fixed(let routeClass): routeClass
      case .agent(_, let make): make(nil)
      }
    }
  }

  enum Segment: Hashable, Sendable {
    case literal(Substring)
    case parameter(Substring)
  }

  struct Match: Sendable {
    let route: Route
    let parameters: Parameters
  }

  /// By the number of segments.
  private var routes: [Int: [Route]] = [:]

  /// The route of this method and normalised path.
  func match(_ method: HTTPRequest.Method, _ path: String) -> Match? {
    best(for: path) { $0.method == method }
  }

  /// A route of this path, whatever its method.
  func match(path: String) -> Match? { best(for: path) { _ in true } }

  private func best(for path: String, where isWanted: (Route) -> Bool) -> Match? {
    let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    var best: (route: Route, parameters: Parameters)?
    for route in routes[segments.count] ?? [] where isWanted(route) {
      guard let parameters = Self.parameters(of: route.pattern, in: segments) else { continue }
      if best.map({ parameters.count < $0.parameters.count }) ?? true { best = (route, parameters) }
    }
    return best.map { Match(route: $0.route, parameters: $0.parameters) }
  }

  private static func parameters(of pattern: [Segment], in segments: ArraySlice<Substring>) -> Parameters? {
    var parameters = Parameters()
    for (expected, actual) in zip(pattern, segments) {
      switch expected {
      case .literal(let text):
        if text != actual { return nil }
      case .parameter(let name):
        if actual.isEmpty { return nil }
        parameters.append(key: name, value: actual)
      }
    }
    return parameters
  }

  private static func segments(of path: String) -> [Segment] {
    path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { segment in
      segment.hasPrefix("{") && segment.hasSuffix("}")
        ? .parameter(segment.dropFirst().dropLast()) : .literal(segment)
    }
  }

  private mutating func add(_ route: Route) {
    let rivals = routes[route.pattern.count] ?? []
    precondition(
      !rivals.contains { $0.method == route.method && $0.pattern == route.pattern },
      "\(route.method) \(route.pattern) is registered twice")
    routes[route.pattern.count] = rivals + [route]
  }
}

/// Some routes that belong together.
protocol RouteGroup: Sendable {
  func register(on routes: inout Routes)
}
