import HTTPTypes
import Hummingbird

extension FrontDoor {
  /// The headers that an answer leaves with: its own, what keeps a browser from doing anything with it but reading it, and
  /// what lets a page of an allowed origin read it.
  func headers(of response: Response, to request: HTTPRequest?) -> HTTPFields {
    var fields = response.headers
    for field in Self.securityHeaders where fields[field.name] == nil { fields.append(field) }
    if let request, request.method != .options {
      for field in visitors.sharingHeaders(for: request) where fields[field.name] == nil {
        fields.append(field)
      }
    }
    return fields
  }

  private static let securityHeaders: HTTPFields = [
    .xContentTypeOptions: "nosniff",
    .xFrameOptions: "DENY",
    .referrerPolicy: "no-referrer",
    .contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
    .cacheControl: "no-store",
  ]
}

extension HTTPField.Name {
  fileprivate static let xFrameOptions = HTTPField.Name("X-Frame-Options")!
  fileprivate static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
