public import GRDB

/// The schema of `host/host.sqlite`: agents, access keys, invites and what revokes them. Migrations are never edited.
public enum HostSchema {
  public static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 agents, access keys and revocations") { database in
      try database.execute(
        sql: """
          CREATE TABLE agents (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL UNIQUE COLLATE NOCASE,
            description TEXT NOT NULL DEFAULT '',
            system_prompt TEXT NOT NULL DEFAULT '',
            model TEXT,
            key_index INTEGER UNIQUE,
            address TEXT UNIQUE,
            is_exposed INTEGER NOT NULL DEFAULT 1,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL
          ) STRICT;

          CREATE TABLE access_keys (
            id TEXT PRIMARY KEY NOT NULL,
            label TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            nonce TEXT NOT NULL,
            counter INTEGER NOT NULL,
            issuer TEXT NOT NULL,
            audience TEXT NOT NULL,
            expiry TEXT NOT NULL,
            created_at REAL NOT NULL,
            expires_at REAL,
            revoked_at REAL,
            UNIQUE (issuer, nonce)
          ) STRICT;
          CREATE INDEX access_keys_audience ON access_keys (audience);

          CREATE TABLE revoked_keys (
            issuer TEXT NOT NULL,
            nonce TEXT NOT NULL,
            revoked_at REAL NOT NULL,
            PRIMARY KEY (issuer, nonce)
          ) STRICT, WITHOUT ROWID;

          CREATE TABLE counter_thresholds (
            issuer TEXT PRIMARY KEY NOT NULL,
            threshold INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;

          -- An empty agent stands for every audience.
          CREATE TABLE whitelist (
            agent TEXT NOT NULL DEFAULT '',
            issuer TEXT NOT NULL,
            PRIMARY KEY (agent, issuer)
          ) STRICT, WITHOUT ROWID;

          -- Numbers that only rise: agent_index and key_counter are the last ones used, generation counts changes.
          CREATE TABLE counters (
            name TEXT PRIMARY KEY NOT NULL,
            value INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;
          INSERT INTO counters (name, value) VALUES ('agent_index', -1), ('key_counter', 0), ('generation', 0);
          """)
    }
    migrator.registerMigration("2 trusted issuers and the use of access keys") { database in
      try database.execute(
        sql: """
          ALTER TABLE access_keys ADD COLUMN last_used_at REAL;

          -- In the whitelist, the agent * stands for every agent, and not for the host itself.
          ALTER TABLE whitelist ADD COLUMN label TEXT NOT NULL DEFAULT '';
          ALTER TABLE whitelist ADD COLUMN added_at REAL;

          -- An address that has a threshold was given before: see AccessKeyStore.begin.
          INSERT OR IGNORE INTO counter_thresholds (issuer, threshold)
            SELECT address, 0 FROM agents WHERE address IS NOT NULL UNION SELECT issuer, 0 FROM access_keys;

          -- What was revoked stays revoked, and what was used is not used again, whatever the code above says.
          CREATE TRIGGER counters_rise BEFORE UPDATE ON counters WHEN NEW.value < OLD.value
            BEGIN SELECT RAISE(ABORT, 'a counter only rises'); END;
          CREATE TRIGGER counters_stay BEFORE DELETE ON counters
            BEGIN SELECT RAISE(ABORT, 'a counter stays'); END;
          CREATE TRIGGER thresholds_rise BEFORE UPDATE ON counter_thresholds WHEN NEW.threshold < OLD.threshold
            BEGIN SELECT RAISE(ABORT, 'a threshold only rises'); END;
          CREATE TRIGGER thresholds_stay BEFORE DELETE ON counter_thresholds
            BEGIN SELECT RAISE(ABORT, 'a threshold stays'); END;
          CREATE TRIGGER revocations_stay BEFORE DELETE ON revoked_keys
            BEGIN SELECT RAISE(ABORT, 'a revocation stays'); END;
          """)
    }
    migrator.registerMigration("3 invites") { database in
      try database.execute(
        sql: """
          CREATE TABLE invites (
            id TEXT PRIMARY KEY NOT NULL,
            nonce TEXT NOT NULL UNIQUE,
            agent TEXT NOT NULL,
            name TEXT NOT NULL,
            description TEXT,
            url TEXT NOT NULL,
            label TEXT,
            created_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            redeemed_at REAL,
            redeemed_from TEXT,
            key_id TEXT,
            revoked_at REAL,
            -- What named the redemption, and its answer, sealed, for as long as it may be asked for again.
            attempt TEXT,
            answer BLOB
          ) STRICT;
          CREATE INDEX invites_agent ON invites (agent);
          """)
    }
    migrator.registerMigration("4 identity health and recovery") { database in
      try database.execute(
        sql: """
          -- One row. master is whose agents these are; without one nobody has said so yet. is_past_known says that every
          -- index and counter of that identity was given here. Keys of its own below key_floor are refused.
          -- Indices are given from first_index on; counters.agent_index is the last one.
          CREATE TABLE identity (
            id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
            master TEXT,
            is_past_known INTEGER NOT NULL,
            first_index INTEGER NOT NULL DEFAULT 0,
            key_floor INTEGER NOT NULL DEFAULT 0
          ) STRICT;
          INSERT INTO identity (id, is_past_known) SELECT 1,
            EXISTS (SELECT 1 FROM agents) OR EXISTS (SELECT 1 FROM access_keys)
            OR EXISTS (SELECT 1 FROM counters WHERE name = 'agent_index' AND value > -1)
            OR EXISTS (SELECT 1 FROM counters WHERE name = 'key_counter' AND value > 0);

          -- Indices that were given besides: by the owner's word, or before a host began to count elsewhere.
          CREATE TABLE given_indices (
            master TEXT NOT NULL,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            PRIMARY KEY (master, first)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("5 devices") { database in
      try database.execute(
        sql: """
          -- The last counter that was taken from a device of an issuer, as the 64 bits that it is.
          CREATE TABLE devices (
            issuer TEXT NOT NULL,
            device TEXT NOT NULL,
            counter INTEGER NOT NULL,
            seen_at REAL NOT NULL,
            PRIMARY KEY (issuer, device)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("6 pairing") { database in
      try database.execute(
        sql: """
          -- Whether devices that are not let in yet may ask for the agent.
          ALTER TABLE agents ADD COLUMN is_pairable INTEGER NOT NULL DEFAULT 1;

          -- Who was let in by pairing, and with which key.
          CREATE TABLE peers (
            id TEXT PRIMARY KEY NOT NULL,
            connector TEXT NOT NULL,
            agent TEXT NOT NULL,
            key_id TEXT NOT NULL UNIQUE,
            paired_from TEXT NOT NULL,
            paired_at REAL NOT NULL
          ) STRICT;
          """)
    }
    migrator.registerMigration("7 agents to be forgotten") { database in
      try database.execute(
        sql: """
          -- Agents that are gone, and of which what is in other databases is to go, too.
          CREATE TABLE forgetting (agent_id TEXT PRIMARY KEY NOT NULL, since REAL NOT NULL) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("8 relay") { database in
      try database.execute(
        sql: """
          -- One row: the relay by which agents are reached from afar, and whether it may be without TLS.
          CREATE TABLE relay (
            id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
            url TEXT NOT NULL,
            allows_plaintext INTEGER NOT NULL DEFAULT 0
          ) STRICT;

          -- The agents that are reached there.
          CREATE TABLE relayed_agents (
            agent_id TEXT PRIMARY KEY NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
            since REAL NOT NULL
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("9 permission modes") { database in
      try database.execute(
        sql: """
          -- How much agents' commands may do without the owner's word; safe where nothing is said.
          CREATE TABLE permission_modes (
            agent_id TEXT PRIMARY KEY NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
            mode TEXT NOT NULL CHECK (mode IN ('safe', 'trusted', 'dangerous'))
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("10 secrets and settings in sandboxes") { database in
      try database.execute(
        sql: """
          -- What an agent's commands are given, and what they keep. An empty plugin is the agent itself.
          CREATE TABLE agent_secrets (
            agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
            plugin TEXT NOT NULL DEFAULT '',
            name TEXT NOT NULL,
            value BLOB NOT NULL,
            updated_at REAL NOT NULL,
            PRIMARY KEY (agent_id, plugin, name)
          ) STRICT, WITHOUT ROWID;

          CREATE TABLE sandbox_config (
            agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
            plugin TEXT NOT NULL DEFAULT '',
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (agent_id, plugin, key)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("11 audit") { database in
      try database.execute(
        sql: """
          -- What was run and refused: the bytes that Docs/AUDIT.md describes, and what they are found by.
          CREATE TABLE audit (
            sequence INTEGER PRIMARY KEY NOT NULL,
            time INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            subject TEXT,
            record BLOB NOT NULL,
            hash BLOB NOT NULL
          ) STRICT;
          CREATE INDEX audit_subject ON audit (subject, sequence);
          CREATE INDEX audit_bindings ON audit (sequence) WHERE kind = 1;

          CREATE TABLE audit_checkpoints (
            sequence INTEGER PRIMARY KEY NOT NULL,
            time INTEGER NOT NULL,
            host TEXT NOT NULL,
            signer TEXT NOT NULL,
            signature BLOB NOT NULL
          ) STRICT;

          -- One row. last is the newest record that there ever was; floor is the newest one that the owner removed, with what
          -- the chain goes on from.
          CREATE TABLE audit_bounds (
            id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
            last INTEGER NOT NULL,
            floor INTEGER NOT NULL,
            hash BLOB NOT NULL,
            host TEXT,
            signer TEXT
          ) STRICT;
          INSERT INTO audit_bounds (id, last, floor, hash) VALUES (1, 0, 0, zeroblob(32));

          -- What was written stays as it was, until the owner removes what is old.
          CREATE TRIGGER audit_goes_on BEFORE INSERT ON audit
            WHEN NEW.sequence <> ifnull((SELECT last FROM audit_bounds), 0) + 1
            BEGIN SELECT RAISE(ABORT, 'a record of the audit follows the last one'); END;
          CREATE TRIGGER audit_stays_as_it_is BEFORE UPDATE ON audit
            BEGIN SELECT RAISE(ABORT, 'a record of the audit stays as it is'); END;
          CREATE TRIGGER audit_stays BEFORE DELETE ON audit
            WHEN OLD.sequence > ifnull((SELECT floor FROM audit_bounds), 0)
            BEGIN SELECT RAISE(ABORT, 'a record of the audit stays'); END;
          CREATE TRIGGER audit_checkpoints_stay_as_they_are BEFORE UPDATE ON audit_checkpoints
            BEGIN SELECT RAISE(ABORT, 'a checkpoint of the audit stays as it is'); END;
          CREATE TRIGGER audit_checkpoints_stay BEFORE DELETE ON audit_checkpoints
            WHEN OLD.sequence >= ifnull((SELECT floor FROM audit_bounds), 0)
            BEGIN SELECT RAISE(ABORT, 'a checkpoint of the audit stays'); END;
          CREATE TRIGGER audit_bounds_rise BEFORE UPDATE ON audit_bounds
            WHEN NEW.last < OLD.last OR NEW.floor < OLD.floor OR NEW.floor > NEW.last
              OR (NEW.floor = OLD.floor AND NEW.hash <> OLD.hash)
            BEGIN SELECT RAISE(ABORT, 'the bounds of the audit only rise'); END;
          CREATE TRIGGER audit_bounds_stay BEFORE DELETE ON audit_bounds
            BEGIN SELECT RAISE(ABORT, 'the bounds of the audit stay'); END;
          """)
    }
    migrator.registerMigration("12 sandbox settings") { database in
      try database.execute(
        sql: """
          -- What the owner said of an agent's sandbox. NULL is what this version does where nothing is said.
          CREATE TABLE sandbox_settings (
            agent_id TEXT PRIMARY KEY NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
            network TEXT NOT NULL,
            memory INTEGER,
            processes INTEGER,
            processors REAL,
            home INTEGER,
            commands_per_turn INTEGER,
            allows_background INTEGER NOT NULL,
            may_create_plugins INTEGER NOT NULL,
            -- Names of layers, with commas between them.
            waived TEXT NOT NULL
          ) STRICT, WITHOUT ROWID;

          -- The owner's folders that it may use.
          CREATE TABLE sandbox_workspaces (
            agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            folder TEXT NOT NULL,
            is_writable INTEGER NOT NULL,
            PRIMARY KEY (agent_id, name)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    return migrator
  }
}
