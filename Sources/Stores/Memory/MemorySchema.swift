public import GRDB

/// The schema of `memory/memory.sqlite`: what agents remember, full-text indexes and vectors over it, and what is
/// still to be learned from. Migrations are never edited.
public enum MemorySchema {
  public static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 memories, vectors and pending signals") { database in
      // The index and the vectors refer to memories by row_id, which AUTOINCREMENT never gives twice and VACUUM keeps.
      // What no agent owns is the owner's own word to all of them; nothing that a model wrote may be that.
      try database.execute(
        sql: """
          CREATE TABLE memories (
            row_id INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            agent_id TEXT,
            scope TEXT NOT NULL GENERATED ALWAYS AS (
              CASE WHEN agent_id IS NULL THEN 'everybody' ELSE 'a' || lower(replace(agent_id, '-', '')) END
            ) VIRTUAL,
            layer TEXT NOT NULL CHECK (layer IN ('identity', 'pinned', 'episode', 'transcript')),
            author TEXT NOT NULL CHECK (author IN ('owner', 'conversation', 'model')),
            conversation_id TEXT,
            position INTEGER,
            role TEXT,
            content TEXT NOT NULL,
            keywords TEXT NOT NULL DEFAULT '',
            salience REAL NOT NULL CHECK (salience BETWEEN 0 AND 1),
            use_count INTEGER NOT NULL DEFAULT 0,
            last_used_at REAL,
            happened_at REAL NOT NULL,
            created_at REAL NOT NULL,
            CHECK (agent_id IS NOT NULL OR (layer = 'identity' AND author = 'owner'))
          ) STRICT;
          CREATE INDEX memories_agent ON memories (agent_id, layer, happened_at DESC);
          CREATE UNIQUE INDEX memories_transcript ON memories (agent_id, conversation_id, position)
            WHERE layer = 'transcript';

          CREATE VIRTUAL TABLE memories_text USING fts5 (
            scope, layer, content, keywords, content = 'memories', content_rowid = 'row_id',
            tokenize = 'unicode61 remove_diacritics 2');
          CREATE TRIGGER memories_ai AFTER INSERT ON memories BEGIN
            INSERT INTO memories_text (rowid, scope, layer, content, keywords)
              VALUES (new.row_id, new.scope, new.layer, new.content, new.keywords);
          END;
          CREATE TRIGGER memories_ad AFTER DELETE ON memories BEGIN
            INSERT INTO memories_text (memories_text, rowid, scope, layer, content, keywords)
              VALUES ('delete', old.row_id, old.scope, old.layer, old.content, old.keywords);
          END;
          CREATE TRIGGER memories_au AFTER UPDATE OF agent_id, layer, content, keywords ON memories BEGIN
            INSERT INTO memories_text (memories_text, rowid, scope, layer, content, keywords)
              VALUES ('delete', old.row_id, old.scope, old.layer, old.content, old.keywords);
            INSERT INTO memories_text (rowid, scope, layer, content, keywords)
              VALUES (new.row_id, new.scope, new.layer, new.content, new.keywords);
            DELETE FROM vectors WHERE row_id = new.row_id;
          END;

          CREATE TABLE embedding_models (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            dimensions INTEGER NOT NULL
          ) STRICT;

          -- The scope of a vector is its memory's, a colon and the layer: what one search looks at lies together.
          -- A change is never numbered twice, so what is in memory can be brought up to date from the last one seen.
          CREATE TABLE vectors (
            change INTEGER PRIMARY KEY AUTOINCREMENT,
            row_id INTEGER NOT NULL UNIQUE REFERENCES memories (row_id) ON DELETE CASCADE,
            model_id INTEGER NOT NULL REFERENCES embedding_models (id),
            scope TEXT NOT NULL,
            scale REAL NOT NULL,
            code BLOB NOT NULL
          ) STRICT;
          CREATE INDEX vectors_scope ON vectors (scope, model_id, change);

          -- A batch that is being learned from carries a claim; what arrives meanwhile does not.
          CREATE TABLE pending_signals (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            agent_id TEXT NOT NULL,
            conversation_id TEXT NOT NULL,
            user_message TEXT NOT NULL,
            assistant_message TEXT,
            claim TEXT,
            created_at REAL NOT NULL
          ) STRICT;
          CREATE INDEX pending_signals_agent ON pending_signals (agent_id, conversation_id, id);
          """)
    }
    migrator.registerMigration("2 full-text pages as large as fits") { database in
      // FTS5's own 4050 bytes fit into a page of SQLite. SQLCipher keeps some of each for itself, so that every row of the
      // index would take a second page, to be encrypted and read with it.
      try database.execute(sql: "INSERT INTO memories_text (memories_text, rank) VALUES ('pgsz', 3970)")
    }
    return migrator
  }
}
