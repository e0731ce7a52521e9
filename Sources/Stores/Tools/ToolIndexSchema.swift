public import GRDB

/// The schema of `tools/index.sqlite`: which tools there are, and a full-text index and vectors over them.
/// Migrations are never edited.
public enum ToolIndexSchema {
  public static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 tools and vectors") { database in
      // The index and the vectors refer to tools by row_id, which AUTOINCREMENT never gives twice and VACUUM keeps.
      try database.execute(
        sql: """
          CREATE TABLE tools (
            row_id INTEGER PRIMARY KEY AUTOINCREMENT,
            source TEXT NOT NULL,
            name TEXT NOT NULL,
            id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (source || '/' || name) VIRTUAL,
            description TEXT NOT NULL,
            runtime TEXT NOT NULL,
            -- A JSON schema, and the words in it that a search finds.
            parameters TEXT NOT NULL,
            parameter_words TEXT NOT NULL,
            updated_at REAL NOT NULL
          ) STRICT;

          CREATE VIRTUAL TABLE tools_text USING fts5 (
            name, description, parameter_words, content = 'tools', content_rowid = 'row_id',
            tokenize = 'unicode61 remove_diacritics 2');
          -- As large as fits into a page of SQLCipher.
          INSERT INTO tools_text (tools_text, rank) VALUES ('pgsz', 3970);
          CREATE TRIGGER tools_ai AFTER INSERT ON tools BEGIN
            INSERT INTO tools_text (rowid, name, description, parameter_words)
              VALUES (new.row_id, new.name, new.description, new.parameter_words);
          END;
          CREATE TRIGGER tools_ad AFTER DELETE ON tools BEGIN
            INSERT INTO tools_text (tools_text, rowid, name, description, parameter_words)
              VALUES ('delete', old.row_id, old.name, old.description, old.parameter_words);
          END;
          CREATE TRIGGER tools_au AFTER UPDATE OF name, description, parameter_words ON tools BEGIN
            INSERT INTO tools_text (tools_text, rowid, name, description, parameter_words)
              VALUES ('delete', old.row_id, old.name, old.description, old.parameter_words);
            INSERT INTO tools_text (rowid, name, description, parameter_words)
              VALUES (new.row_id, new.name, new.description, new.parameter_words);
            DELETE FROM vectors WHERE row_id = new.row_id;
          END;

          CREATE TABLE embedding_models (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            dimensions INTEGER NOT NULL
          ) STRICT;
          CREATE TABLE vectors (
            change INTEGER PRIMARY KEY AUTOINCREMENT,
            row_id INTEGER NOT NULL UNIQUE REFERENCES tools (row_id) ON DELETE CASCADE,
            model_id INTEGER NOT NULL REFERENCES embedding_models (id),
            scope TEXT NOT NULL,
            scale REAL NOT NULL,
            code BLOB NOT NULL
          ) STRICT;
          CREATE INDEX vectors_scope ON vectors (scope, model_id, change);
          """)
    }
    return migrator
  }
}
