import GRDB

extension MemoryStore: EmbeddableStore {
  private static let table = VectorTable(
    table: "memories", columns: ["content", "keywords"], scope: "scope || ':' || layer")

  public func unembedded(model: String, limit: Int) async throws -> [UnembeddedText] {
    try await pool.read { try Self.table.unembedded(model: model, limit: limit, $0) }
  }

  public func keep(_ embeddings: [(text: UnembeddedText, embedding: Embedding)]) async throws {
    try await pool.write { try Self.table.keep(embeddings, $0) }
  }

  public func embeddedCount() async throws -> Int { try await pool.read { try Self.table.count($0) } }
}
