/// A request for embeddings, in OpenAI's shape.
public struct EmbeddingRequest: Codable, Sendable, Hashable {
  /// The model; `""` and `default` mean the default one.
  public var model: String
  /// The texts. A single string is read as a list of one.
  public var input: [String]

  enum CodingKeys: String, CodingKey { case model, input }

  public init(model: String, input: [String]) {
    self.model = model
    self.input = input
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    model = try container.decodeIfPresent(String.self, forKey: .model) ?? ""
    if let one = try? container.decode(String.self, forKey: .input) {
      input = [one]
    } else {
      input = try container.decode([String].self, forKey: .input)
    }
  }
}

/// Embeddings, one a text, in OpenAI's shape.
public struct EmbeddingResponse: Codable, Sendable, Hashable {
  public var object: String
  public var data: [Item]
  public var model: String
  public var usage: TokenCount?

  /// The embedding of one text.
  public struct Item: Codable, Sendable, Hashable {
    public var object: String
    public var index: Int
    public var embedding: [Double]

    enum CodingKeys: String, CodingKey { case object, index, embedding }

    public init(index: Int, embedding: [Double]) {
      self.object = "embedding"
      self.index = index
      self.embedding = embedding
    }

    public init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      object = "embedding"
      index = try container.decodeIfPresent(Int.self, forKey: .index) ?? 0
      embedding = try container.decode([Double].self, forKey: .embedding)
    }
  }

  /// What it cost; nothing is generated, so there is no count of that.
  public struct TokenCount: Codable, Sendable, Hashable {
    public var promptTokens: Int
    public var totalTokens: Int

    enum CodingKeys: String, CodingKey {
      case promptTokens = "prompt_tokens"
      case totalTokens = "total_tokens"
    }

    public init(promptTokens: Int) {
      self.promptTokens = promptTokens
      self.totalTokens = promptTokens
    }
  }

  enum CodingKeys: String, CodingKey { case object, data, model, usage }

  public init(model: String, data: [Item], usage: TokenCount? = nil) {
    self.object = "list"
    self.data = data
    self.model = model
    self.usage = usage
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    object = "list"
    data = try container.decode([Item].self, forKey: .data)
    model = try container.decodeIfPresent(String.self, forKey: .model) ?? ""
    usage = try? container.decodeIfPresent(TokenCount.self, forKey: .usage)
  }
}
