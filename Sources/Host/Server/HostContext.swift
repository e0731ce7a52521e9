import Hummingbird
import Logging

/// What a handler knows about a request besides the request: who asks, and what the path's `{names}` stand for
/// (`parameters`).
struct HostContext: RequestContext {
  /// What the front door makes a context from.
  struct Source: RequestContextSource {
    let caller: Caller
    let logger: Logger
  }

  var coreContext: CoreRequestContextStorage
  let caller: Caller

  init(source: Source) {
    coreContext = CoreRequestContextStorage(source: source)
    caller = source.caller
  }

  /// The front door has bounded and collected the body before a handler sees it.
  var maxUploadSize: Int { .max }
}
