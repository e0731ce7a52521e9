import Hummingbird

/// How the owner's commands hear of what waits for the owner's word without asking over and over.
enum ControlChanges {
  /// How long a watcher is left without an answer.
  private static let patience = Duration.seconds(25)

  /// Returns once there is another listing than the one that the caller has (`after`, in the query), and after a while in any case.
  static func awaited(
    by request: Request, _ change: @escaping @Sendable (_ after: UInt64) async -> Void
  ) async {
    guard let after = request.uri.queryParameters.get("after", as: UInt64.self) else { return }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await change(after) }
      group.addTask { try? await Task.sleep(for: patience) }
      await group.next()
      group.cancelAll()
    }
  }
}
