import Agents
import Logging
import Stores

/// The tools that this host brings itself, whichever agent it is for. There are none in this version.
enum HostTools {
  static let all: [NewTool] = []
}

extension HostServices {
  /// Has the index know the tools that this host brings, and no longer those that an earlier version did.
  func publishTools() async {
    do {
      try await tools.publish(HostTools.all, of: .host)
    } catch {
      logger.warning("the tool index could not be brought up to date", metadata: ["reason": "\(error)"])
    }
  }
}
