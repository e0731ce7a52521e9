public import GRDB

extension Database {
  /// Makes sure that every page which was read in this transaction so far was as it had been written.
  ///
  /// SQLCipher gives a page that does not have its HMAC as zeros, and refuses every page from then on. Where that was the last one
  /// that a query needed, as the end of a long text, nothing after it would tell; so one more is asked for.
  /// - Throws: `DatabaseError` with `SQLITE_CORRUPT`.
  public func confirmPages() throws {
    do {
      _ = try Int.fetchOne(cachedStatement(sql: "SELECT 1 FROM sqlite_master LIMIT 1"))
    } catch let error as DatabaseError where error.resultCode != .SQLITE_INTERRUPT {
      throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "a page is not as it was written")
    }
  }
}
