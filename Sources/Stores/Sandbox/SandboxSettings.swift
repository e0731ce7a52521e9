/// What the owner said of an agent's sandbox. What is nil is as it is where nothing was said.
public struct SandboxSettings: Codable, Hashable, Sendable {
  /// A folder of the owner that it may use.
  public struct Workspace: Codable, Hashable, Sendable {
    /// What it is called inside, under `/workspace`.
    public let name: String
    /// Where it is on this machine, by no link.
    public let folder: String
    public let isWritable: Bool

    public init(name: String, folder: String, isWritable: Bool) {
      self.name = name
      self.folder = folder
      self.isWritable = isWritable
    }
  }

  /// In the order of their names.
  public var workspaces: [Workspace] = []
  /// `none`, `loopback`, or hosts with their ports.
  public var network = "none"
  /// Bytes.
  public var memory: Int64?
  public var processes: Int64?
  /// Processors' worth of time.
  public var processors: Double?
  /// Bytes of its home.
  public var home: Int64?
  public var commandsPerTurn: Int?
  /// Whether it may leave processes in the background.
  public var allowsBackground = true
  /// Whether its code may make plugins.
  public var mayCreatePlugins = true
  /// The layers that the owner does without, by their names.
  public var waived: [String] = []

  public init() {}
}
