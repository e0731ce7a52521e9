import Foundation
public import GRDB

/// The schema of `chat/history.sqlite`: conversations, what was said in them, and a full-text index over it.
/// Migrations are never edited.
public enum ChatSchema {
  public static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 sessions and turns") { database in
      // The index refers to turns by rowid, which only an INTEGER PRIMARY KEY keeps through a VACUUM.
      try database.execute(
        sql: """
          CREATE TABLE sessions (
            id TEXT PRIMARY KEY NOT NULL,
            agent_id TEXT,
            title TEXT NOT NULL,
            model TEXT,
            source TEXT NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL
          ) STRICT;
          CREATE INDEX sessions_agent ON sessions (agent_id, updated_at DESC);

          CREATE TABLE turns (
            row_id INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            role TEXT NOT NULL,
            content TEXT NOT NULL,
            thinking TEXT NOT NULL DEFAULT '',
            tool_calls TEXT,
            tool_call_id TEXT,
            ending TEXT NOT NULL,
            created_at REAL NOT NULL,
            UNIQUE (session_id, position)
          ) STRICT;

          CREATE VIRTUAL TABLE turns_text USING fts5 (
            content, content = 'turns', content_rowid = 'row_id', tokenize = 'unicode61 remove_diacritics 2');
          CREATE TRIGGER turns_ai AFTER INSERT ON turns BEGIN
            INSERT INTO turns_text (rowid, content) VALUES (new.row_id, new.content);
          END;
          CREATE TRIGGER turns_ad AFTER DELETE ON turns BEGIN
            INSERT INTO turns_text (turns_text, rowid, content) VALUES ('delete', old.row_id, old.content);
          END;
          CREATE TRIGGER turns_au AFTER UPDATE OF content ON turns BEGIN
            INSERT INTO turns_text (turns_text, rowid, content) VALUES ('delete', old.row_id, old.content);
            INSERT INTO turns_text (rowid, content) VALUES (new.row_id, new.content);
          END;
          """)
    }
    migrator.registerMigration("2 who opened a session") { database in
      // Up to then, whoever asked went on with anything: only the owner is sure to have a right to it.
      try database.execute(sql: "ALTER TABLE sessions ADD COLUMN opened_by TEXT NOT NULL DEFAULT 'owner'")
    }
    migrator.registerMigration("3 attachments, and what a turn's content amounts to") { database in
      // Small content is in the row, larger in the sealed file that `blob` names.
      try database.execute(
        sql: """
          CREATE TABLE attachments (
            row_id INTEGER PRIMARY KEY,
            turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            kind TEXT NOT NULL,
            media_type TEXT,
            part TEXT NOT NULL,
            encoding TEXT NOT NULL,
            byte_count INTEGER NOT NULL,
            content BLOB,
            blob TEXT,
            UNIQUE (turn_id, position),
            CHECK ((content IS NULL) <> (blob IS NULL))
          ) STRICT;
          CREATE INDEX attachments_blob ON attachments (blob) WHERE blob IS NOT NULL;
          ALTER TABLE turns ADD COLUMN content_hash TEXT NOT NULL DEFAULT '';
          """)
      // By hand, since the record may have other columns one day.
      let turns = try Row.fetchCursor(database, sql: "SELECT * FROM turns")
      var hashes: [(row: Int64, hash: String)] = []
      while let row = try turns.next() {
        let turn = TurnRecord(
          id: row["id"], sessionID: row["session_id"], position: row["position"], role: row["role"],
          content: row["content"], thinking: row["thinking"], toolCalls: row["tool_calls"],
          toolCallID: row["tool_call_id"], ending: row["ending"], createdAt: Date(), contentHash: "")
        hashes.append((row["row_id"], TurnHash.of(turn, attachments: [])))
      }
      for (row, hash) in hashes {
        try database.execute(
          sql: "UPDATE turns SET content_hash = ? WHERE row_id = ?", arguments: [hash, row])
      }
    }
    migrator.registerMigration("4 full-text pages as large as fits") { database in
      // FTS5's own 4050 bytes fit into a page of SQLite. SQLCipher keeps some of each for itself, so that every row of the
      // index would take a second page, to be encrypted and read with it.
      try database.execute(sql: "INSERT INTO turns_text (turns_text, rank) VALUES ('pgsz', 3970)")
    }
    return migrator
  }
}
