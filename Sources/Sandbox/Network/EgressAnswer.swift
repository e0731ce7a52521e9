/// What the proxy answers where it makes no connection: a status, and a sentence for whoever reads the body.
struct EgressAnswer {
  let text: String

  init(_ outcome: EgressRecord.Outcome, because reason: String? = nil) {
    let (status, sentence) =
      switch outcome {
      case .malformed:
        ("400 Bad Request", "This is no request for a host and a port: \(reason ?? "it is not understood").")
      case .notListed: ("403 Forbidden", "This host and port are not on the list of this sandbox.")
      case .addressRefused: ("403 Forbidden", "This name does not stand for an address on the internet.")
      case .unresolved: ("502 Bad Gateway", "This name has no address.")
      case .unreachable, .connected, .abandoned: ("502 Bad Gateway", "This host does not answer.")
      case .timedOut: ("504 Gateway Timeout", "This took too long.")
      case .tooMany: ("503 Service Unavailable", "Too many connections are open.")
      }
    text = """
      HTTP/1.1 \(status)\r
      Content-Type: text/plain; charset=utf-8\r
      Content-Length: \(sentence.utf8.count + 1)\r
      Connection: close\r
      \r
      \(sentence)

      """
  }
}
