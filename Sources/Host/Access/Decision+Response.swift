import Hummingbird

extension Decision {
  /// What a caller is answered that is not let through; nil for one that is.
  var refusal: Response? {
    switch self {
    case .allow:
      nil
    case .unauthenticated(let reason):
      .failure(.unauthorized, type: "authentication_error", message: reason.message)
    case .channelRequired:
      .failure(
        .upgradeRequired, type: "upgrade_required", code: "secure_channel_required",
        message: """
          This peer requires end-to-end encryption for agent requests. Upgrade Osaurus to a version that \
          supports the secure channel.
          """)
    case .scopeDenied:
      .failure(
        .forbidden, code: "agent_scope_denied",
        message: "This access key is not scoped to the requested agent.")
    case .notFound:
      .text("Not Found", status: .notFound)
    }
  }
}
