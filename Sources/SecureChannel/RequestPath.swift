/// The path by which a request is routed. (spec/02, C7)
public enum RequestPath {
  /// Cuts the query off and takes one leading `/v1/api`, `/api` or `/v1` away. Nothing is decoded.
  public static func normalised(_ target: String) -> String {
    let path = target.utf8.firstIndex(of: UInt8(ascii: "?")).map { target[..<$0] } ?? target[...]
    for prefix in ["/v1/api", "/api", "/v1"] where path.hasPrefix(prefix) {
      let rest = path.dropFirst(prefix.count)
      if rest.isEmpty { return "/" }
      if rest.utf8.first == UInt8(ascii: "/") { return String(rest) }
    }
    return path.isEmpty ? "/" : String(path)
  }
}
