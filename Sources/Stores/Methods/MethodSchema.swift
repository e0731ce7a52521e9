public import GRDB

/// The schema of `methods/methods.sqlite`: how agents learned to do things, what came of it each time, and a full-text
/// index. Migrations are never edited.
public enum MethodSchema {
  public static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 methods and what came of them") { database in
      // The index refers to methods by row_id, which AUTOINCREMENT never gives twice and VACUUM keeps. What no agent
      // owns is the owner's own instruction to all of them; nothing that a model wrote may be that.
      try database.execute(
        sql: """
          CREATE TABLE methods (
            row_id INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            agent_id TEXT,
            scope TEXT NOT NULL GENERATED ALWAYS AS (
              CASE WHEN agent_id IS NULL THEN 'everybody' ELSE 'a' || lower(replace(agent_id, '-', '')) END
            ) VIRTUAL,
            author TEXT NOT NULL CHECK (author IN ('owner', 'model')),
            model TEXT,
            tier TEXT NOT NULL CHECK (tier IN ('active', 'retired')),
            name TEXT NOT NULL,
            description TEXT NOT NULL,
            occasion TEXT NOT NULL DEFAULT '',
            body TEXT NOT NULL,
            tools TEXT NOT NULL DEFAULT '[]',
            version INTEGER NOT NULL DEFAULT 1,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            CHECK (agent_id IS NOT NULL OR author = 'owner')
          ) STRICT;
          CREATE INDEX methods_agent ON methods (agent_id, tier, name);

          CREATE VIRTUAL TABLE methods_text USING fts5 (
            scope, tier, name, description, occasion, body, content = 'methods', content_rowid = 'row_id',
            tokenize = 'unicode61 remove_diacritics 2');
          -- As large as fits into a page of SQLCipher.
          INSERT INTO methods_text (methods_text, rank) VALUES ('pgsz', 3970);
          CREATE TRIGGER methods_ai AFTER INSERT ON methods BEGIN
            INSERT INTO methods_text (rowid, scope, tier, name, description, occasion, body)
              VALUES (new.row_id, new.scope, new.tier, new.name, new.description, new.occasion, new.body);
          END;
          CREATE TRIGGER methods_ad AFTER DELETE ON methods BEGIN
            INSERT INTO methods_text (methods_text, rowid, scope, tier, name, description, occasion, body)
              VALUES ('delete', old.row_id, old.scope, old.tier, old.name, old.description, old.occasion, old.body);
          END;
          CREATE TRIGGER methods_au AFTER UPDATE OF agent_id, tier, name, description, occasion, body ON methods BEGIN
            INSERT INTO methods_text (methods_text, rowid, scope, tier, name, description, occasion, body)
              VALUES ('delete', old.row_id, old.scope, old.tier, old.name, old.description, old.occasion, old.body);
            INSERT INTO methods_text (rowid, scope, tier, name, description, occasion, body)
              VALUES (new.row_id, new.scope, new.tier, new.name, new.description, new.occasion, new.body);
          END;

          CREATE TABLE method_events (
            row_id INTEGER PRIMARY KEY AUTOINCREMENT,
            method_id INTEGER NOT NULL REFERENCES methods (row_id) ON DELETE CASCADE,
            -- Of the method, when this came of it.
            version INTEGER NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('loaded', 'succeeded', 'failed')),
            agent_id TEXT,
            model TEXT,
            notes TEXT NOT NULL DEFAULT '',
            created_at REAL NOT NULL
          ) STRICT;
          CREATE INDEX method_events_method ON method_events (method_id, kind, created_at);
          CREATE INDEX method_events_agent ON method_events (agent_id);

          -- What the events amount to: computed whenever it is asked for, so nothing can be counted twice.
          CREATE VIEW method_scores AS
            SELECT methods.row_id AS method_id,
              count(*) FILTER (WHERE kind = 'loaded') AS times_loaded,
              count(*) FILTER (WHERE kind = 'succeeded') AS times_succeeded,
              count(*) FILTER (WHERE kind = 'failed') AS times_failed,
              max(method_events.created_at) AS last_used_at
            FROM methods LEFT JOIN method_events ON method_events.method_id = methods.row_id
            GROUP BY methods.row_id;
          """)
    }
    return migrator
  }
}
