/**
 * The log in one SQLite file: `node:sqlite`, write-ahead log, `synchronous=FULL`, so a commit that returned survives a
 * power cut. Every call blocks until the disk has done it; sqlite.ts gives it a thread of its own.
 *
 * One table holds every version of every key, by revision. The current value of a key is its newest row; superseded rows
 * are the history, until compaction deletes them. A write is therefore one insert, nothing is stored twice, and a row
 * never changes. Every row carries a checksum over all its columns, because SQLite has none: a flipped bit is an error
 * when it is read, never an answer.
 *
 * The database is held with an exclusive lock, so that a second server on the same file is refused at start instead of
 * diverging from this one's memory.
 */
import { existsSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { Loaded } from "../driver.ts";
import type { Entry, RangeOptions, StoreEvent } from "../store.ts";
import { StoreError } from "../store.ts";
import { walDamage } from "./wal-damage.ts";

/** Revisions read by one call of history: a few milliseconds of the event loop. */
const HISTORY_WINDOW = 500;
/** Revisions swept by one commit of compaction: about a third of a millisecond. */
const FORGET_STEP = 25;
/** A step goes on with such commits for this long, ms: handing it to the thread costs more than a commit on a busy machine. */
const FORGET_MS = 1;
/** Page cache, KiB: everything current is in memory already, the cache only serves index pages. */
const CACHE_KIB = 2_048;
/** Pages of 4 KiB in the write-ahead log before it is copied back: bounds the file, saves the flash repeated writes of a page. */
const CHECKPOINT_PAGES = 500;
/**
 * Sweeps between two steps of compaction that copy the write-ahead log back. Such a step syncs twice and its pages are
 * scattered: some hundred take a few milliseconds, and the checkpoint of CHECKPOINT_PAGES never falls to a writer.
 */
const SWEEPS_PER_CHECKPOINT = 4;
/** A file of another layout is refused by name. "lich" in ASCII. */
const APPLICATION_ID = 0x6c696368;
const FORMAT = 1;

const schema = `
  CREATE TABLE IF NOT EXISTS log (
    revision INTEGER PRIMARY KEY,
    key      TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    previous INTEGER NOT NULL, -- revision of the row that this one replaces, 0 if it made the key
    deleted  INTEGER NOT NULL,
    value    BLOB,
    sum      INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS by_key ON log (key, revision, deleted);
  CREATE TABLE IF NOT EXISTS state (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    compacted INTEGER NOT NULL, -- what readers may not ask for
    swept     INTEGER NOT NULL, -- how far superseded rows are gone
    recovered INTEGER NOT NULL  -- times that a failed disk came back
  ) STRICT;
  INSERT OR IGNORE INTO state VALUES (1, 0, 0, 0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT};
`;

const statements = {
  insert: "INSERT INTO log (revision, key, created, previous, deleted, value, sum) VALUES (?, ?, ?, ?, ?, ?, ?)",
  current: "SELECT log.* FROM (SELECT max(revision) AS newest FROM log GROUP BY key) JOIN log ON revision = newest WHERE deleted = 0",
  last: "SELECT coalesce(max(revision), 0) AS last FROM log",
  state: "SELECT compacted, swept FROM state",
  // The unary plus keeps the planner on the order of revisions: a window of it is small, the keys of a prefix may be many.
  history: "SELECT * FROM log WHERE revision > ? AND revision <= ? AND +key >= ? AND +key < ? ORDER BY revision",
  row: "SELECT * FROM log WHERE revision = ?",
  // With max(), SQLite takes the bare column from the row that holds the maximum (lang_select, "bare columns").
  asOf: "SELECT max(revision) AS revision, deleted FROM log WHERE key >= ? AND key < ? AND key > ? AND revision <= ? GROUP BY key HAVING deleted = 0 ORDER BY key",
  dropReplaced: "DELETE FROM log WHERE revision IN (SELECT previous FROM log WHERE revision > ? AND revision <= ? AND previous > 0)",
  dropDeletions: "DELETE FROM log WHERE revision > ? AND revision <= ? AND deleted = 1",
  swept: "UPDATE state SET compacted = max(compacted, ?), swept = ?",
  checkpoint: "PRAGMA wal_checkpoint(PASSIVE)",
  proof: "UPDATE state SET recovered = recovered + 1",
} as const;

type Statements = { readonly [name in keyof typeof statements]: StatementSync };

interface Row {
  readonly revision: number;
  readonly key: string;
  readonly created: number;
  readonly previous: number;
  readonly deleted: number;
  readonly value: Uint8Array | null;
  readonly sum: number;
}

/** One write as it is stored. */
export type Write = Omit<Row, "sum">;

/** What Driver says, without the waiting: see driver.ts. */
export interface SqliteLog {
  load(): Loaded;
  append(batch: readonly Write[]): void;
  recover(): number;
  history(prefix: string, after: number, upTo: number): { readonly events: readonly StoreEvent[]; readonly through: number };
  rangeAt(prefix: string, revision: number, options: RangeOptions): { readonly entries: readonly Entry[]; readonly remaining: number };
  forget(revision: number): "more" | "done";
  close(): void;
}

/** @throws StoreError "unavailable" that says what is wrong with the file */
export function openSqliteLog(path: string): SqliteLog {
  let { db, sql } = open(path);
  /** steps of compaction since the write-ahead log was last copied back by one */
  let sweeps = 0;

  function transaction(work: () => void): void {
    db.exec("BEGIN IMMEDIATE");
    try {
      work();
      db.exec("COMMIT");
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }

  /** @returns how far it came */
  function sweep(from: number, revision: number): number {
    const to = Math.min(revision, from + FORGET_STEP);
    transaction(() => {
      sql.dropReplaced.run(from, to);
      sql.dropDeletions.run(from, to);
      sql.swept.run(revision, to);
    });
    sweeps += 1;
    return to;
  }

  const state = () => sql.state.get() as { compacted: number; swept: number };
  const last = () => Math.max((sql.last.get() as { last: number }).last, state().compacted);
  const rowAt = (revision: number) => sql.row.get(revision) as Row | undefined;

  function eventOf(row: Row): StoreEvent {
    check(row, path);
    const before = row.previous === 0 ? undefined : rowAt(row.previous);
    if (before !== undefined) check(before, path);
    const previous = before === undefined ? undefined : entryOf(before);
    if (row.deleted === 0) return { type: "put", entry: entryOf(row), previous };
    if (previous === undefined) throw damaged(path, `deletion ${row.revision} of ${row.key} without the value it deletes`);
    return { type: "delete", entry: { ...previous, revision: row.revision }, previous };
  }

  return {
    load() {
      const entries: Entry[] = [];
      for (const row of sql.current.iterate() as Iterable<unknown> as Iterable<Row>) {
        check(row, path);
        entries.push(entryOf(row));
      }
      return { entries, revision: last(), compacted: state().compacted };
    },

    append(batch) {
      transaction(() => {
        for (const row of batch) sql.insert.run(row.revision, row.key, row.created, row.previous, row.deleted, row.value, sumOf(row));
      });
    },

    recover() {
      close(db);
      sweeps = 0;
      // Opening again drops all that the failed connection believed. The checkpoint then copies the whole write-ahead log
      // into the database and syncs that: a page whose sync failed once is not taken for durable.
      ({ db, sql } = open(path));
      const checkpoint = db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get() as { busy: number };
      if (checkpoint.busy !== 0) throw new StoreError("unavailable", `${path}: the write-ahead log could not be copied back`);
      sql.proof.run();
      return last();
    },

    history(prefix, after, upTo) {
      const through = Math.min(upTo, after + HISTORY_WINDOW);
      const rows = sql.history.all(after, through, prefix, endOf(prefix)) as unknown as Row[];
      return { events: rows.map(eventOf), through };
    },

    rangeAt(prefix, revision, { after = "", limit = Infinity }) {
      const found = sql.asOf.all(prefix, endOf(prefix), after, revision) as { revision: number }[];
      const entries = found.slice(0, limit).map((of) => {
        const row = rowAt(of.revision);
        if (row === undefined) throw damaged(path, `revision ${of.revision} is in the index and not in the table`);
        check(row, path);
        return entryOf(row);
      });
      return { entries, remaining: found.length - entries.length };
    },

    forget(revision) {
      const { compacted, swept } = state();
      if (sweeps >= SWEEPS_PER_CHECKPOINT || (sweeps > 0 && swept >= revision)) {
        sql.checkpoint.get();
        sweeps = 0;
        return "more";
      }
      if (swept >= revision) return "done";
      // What readers may not ask for has to be durable. Sweeping is not: a crash takes back whole steps, which are done
      // again, and the next write syncs the same file. So the disk is left to those who wait for it.
      if (compacted >= revision) db.exec("PRAGMA synchronous = NORMAL");
      try {
        const until = performance.now() + FORGET_MS;
        let from = swept;
        do from = sweep(from, revision);
        while (from < revision && sweeps < SWEEPS_PER_CHECKPOINT && performance.now() < until);
      } finally {
        db.exec("PRAGMA synchronous = FULL");
      }
      return "more";
    },

    close() {
      close(db);
    },
  };
}

function open(path: string): { readonly db: DatabaseSync; readonly sql: Statements } {
  const wal = `${path}-wal`;
  const torn = existsSync(wal) ? walDamage(readFileSync(wal)) : undefined;
  if (torn !== undefined) throw damaged(path, torn);
  const db = new DatabaseSync(path);
  try {
    db.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA cache_size = -${CACHE_KIB};
      PRAGMA mmap_size = 0;
      PRAGMA temp_store = MEMORY;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
      PRAGMA journal_size_limit = ${CHECKPOINT_PAGES * 4_096};
    `);
    const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    const format = pragma("user_version");
    const id = pragma("application_id");
    const fresh = id === 0 && format === 0;
    if (!fresh && (id !== APPLICATION_ID || format !== FORMAT)) {
      throw new StoreError("unavailable", `${path} is not a store of format ${FORMAT} (application ${String(id)}, format ${String(format)}); use another data directory`);
    }
    // Not quick_check: that does not compare the index with the table, and the index says which row of a key is the newest.
    const checked = pragma("integrity_check(1)");
    if (checked !== "ok") throw damaged(path, String(checked));
    if (fresh) db.exec(`BEGIN IMMEDIATE; ${schema} COMMIT;`);
    const prepared = Object.entries(statements).map(([name, text]) => [name, db.prepare(text)]);
    return { db, sql: Object.fromEntries(prepared) as Statements };
  } catch (error) {
    close(db);
    throw explained(error, path);
  }
}

function close(db: DatabaseSync): void {
  try {
    db.close();
  } catch {
    // A connection whose disk fails cannot finish its last checkpoint; the write-ahead log still holds everything.
  }
}

function explained(error: unknown, path: string): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) return error;
  const code = "errcode" in error ? Number(error.errcode) & 0xff : 0;
  // SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_NOTADB (sqlite.org/rescode.html)
  if (code === 5) return new StoreError("unavailable", `${path} is in use by another server; stop that one or use another data directory`, { cause: error });
  if (code === 11 || code === 26) return damaged(path, error.message);
  return new StoreError("unavailable", `${path}: ${error.message}`, { cause: error });
}

function damaged(path: string, what: string): StoreError {
  return new StoreError("unavailable", `${path} is damaged: ${what}; restore a copy of it`);
}

function entryOf(row: Row): Entry {
  return { key: row.key, value: row.value ?? new Uint8Array(), revision: row.revision, created: row.created };
}

function check(row: Row, path: string): void {
  if (row.sum !== sumOf(row)) throw damaged(path, `the checksum of revision ${row.revision} is wrong`);
}

function sumOf(row: Write): number {
  const head = crc32(`${row.revision} ${row.created} ${row.previous} ${row.deleted} ${row.key}`);
  return row.value === null ? head : crc32(row.value, head);
}

/** A text that sorts after every key that begins with `prefix`. */
function endOf(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}
