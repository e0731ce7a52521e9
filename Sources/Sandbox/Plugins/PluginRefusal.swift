/// Why a plugin is not installed, or not found.
public enum PluginRefusal: Error, Hashable, Sendable {
  /// The recipe is not one that can be used: what in it, and why.
  case recipe(field: String, reason: String)
  /// Another plugin of that id is installed.
  case exists(RecipeID)
  /// An agent may not take the place of what the owner installed, or gave secrets to.
  case ownersOwn(RecipeID)
  /// The owner does not let this agent make plugins.
  case notForAgents
  /// Programs that it needs are not in the sandbox.
  case dependencies([String])
  case tooMany(Int)
  /// Another plugin of the agent is being installed or removed.
  case busy
  /// Its setup failed.
  case setup(exitCode: Int32, said: String)
  /// The folder of plugins cannot be used.
  case folder(String)
  case notFound(String)
}

extension PluginRefusal: CustomStringConvertible {
  public var description: String {
    switch self {
    case .recipe(let field, let reason):
      field.isEmpty
        ? "The recipe cannot be used: \(reason)." : "The recipe's `\(field)` cannot be used: \(reason)."
    case .exists(let id): "There is a plugin '\(id)' already, and it is another one."
    case .ownersOwn(let id):
      "The plugin '\(id)' is the owner's, or has secrets; an agent does not replace it."
    case .notForAgents: "This agent may not make plugins."
    case .dependencies(let names):
      "It needs programs that are not in the sandbox: \(names.joined(separator: ", "))."
    case .tooMany(let most): "The agent has \(most) plugins or tools of plugins, which is as many as may be."
    case .busy: "Another plugin of this agent is being installed or removed."
    case .setup(let code, let said):
      "Its setup failed (exit code \(code)), and nothing was installed."
        + (said.isEmpty ? "" : " It said: \(said)")
    case .folder(let reason): "The folder of plugins cannot be used: \(reason)."
    case .notFound(let id): "There is no plugin '\(id)'."
    }
  }

  /// What mends it.
  public var nextStep: String? {
    switch self {
    case .exists: "Say that it takes the other one's place: with --replace, or \"replace\": true."
    case .ownersOwn:
      "The owner replaces it with 'osaurus-host plugin install --replace'; or choose another name."
    case .dependencies:
      "Nothing is installed for a recipe. The owner puts them on this machine, or into the root image (osaurus-host sandbox image)."
    case .busy: "Try again when that has ended."
    case .tooMany: "Remove one: osaurus-host plugin remove AGENT PLUGIN"
    case .notFound: "See what is there: osaurus-host plugin list"
    case .recipe, .notForAgents, .setup, .folder: nil
    }
  }
}

extension PluginRefusal: ToolRefusal {
  public var failure: ToolFailure {
    let message = nextStep.map { "\(self) \($0)" } ?? description
    return switch self {
    case .recipe(let field, _):
      ToolFailure(.invalidArguments, message, metadata: ["code": "RECIPE_REFUSED", "at": .string(field)])
    case .exists: ToolFailure(.invalidArguments, message, metadata: ["code": "PLUGIN_EXISTS"])
    case .ownersOwn, .notForAgents:
      ToolFailure(.rejected, message, metadata: ["code": "PLUGIN_NOT_PERMITTED"])
    case .dependencies:
      ToolFailure(
        .invalidArguments, message, isRetryable: false, metadata: ["code": "DEPENDENCIES_MISSING"])
    case .tooMany: ToolFailure(.rejected, message, metadata: ["code": "TOO_MANY_PLUGINS"])
    case .busy: ToolFailure(.unavailable, message, metadata: ["code": "PLUGIN_BUSY"])
    case .setup(let code, _):
      ToolFailure(
        .executionError, message, metadata: ["code": "SETUP_FAILED", "exit_code": .number(Int(code))])
    case .folder: ToolFailure(.executionError, message)
    case .notFound: ToolFailure(.notFound, message)
    }
  }
}
