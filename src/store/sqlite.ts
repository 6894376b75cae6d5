import type { LatencyRecord } from "../latency.ts";
import { existsSync } from "node:fs";
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { MnasError } from "../errors.ts";
import { checkStudy, createDatabase, explain, openDatabase, readDatabase, schemaVersion } from "./database.ts";
import { createPatience } from "./patience.ts";
import {
  maxAttempts,
  type Claim,
  type FinalProposal,
  type Proposal,
  type Store,
  type Trial,
  type TrialKey,
} from "./store.ts";

const schema = `
CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE trial (
  phase         TEXT NOT NULL CHECK (phase IN ('search', 'final')),
  number        INTEGER NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'complete', 'stopped', 'pruned', 'failed')),
  genotype      TEXT,
  notation      TEXT NOT NULL,
  reference     TEXT,
  source        INTEGER,
  seed          INTEGER NOT NULL,
  epochs        REAL,
  params        INTEGER NOT NULL,
  madds         INTEGER NOT NULL,
  latency       TEXT,
  accuracy      REAL,
  test_accuracy REAL,
  reward        REAL,
  bars          TEXT,
  rungs         TEXT,
  reason        TEXT,
  attempts      INTEGER NOT NULL DEFAULT 0,
  seconds       REAL,
  worker        TEXT,
  lease_until   INTEGER,
  PRIMARY KEY (phase, number)
) STRICT;
PRAGMA user_version = ${schemaVersion};
`;

type Row = Record<string, SQLInputValue>;

const toTrial = (row: Row): Trial => ({
  phase: row["phase"] as Trial["phase"],
  number: Number(row["number"]),
  state: row["state"] as Trial["state"],
  genotype: row["genotype"] === null ? null : (JSON.parse(row["genotype"] as string) as number[]),
  notation: row["notation"] as string,
  reference: row["reference"] as string | null,
  source: row["source"] as number | null,
  seed: Number(row["seed"]),
  epochs: row["epochs"] as number | null,
  params: Number(row["params"]),
  madds: Number(row["madds"]),
  latency: row["latency"] === null ? null : (JSON.parse(row["latency"] as string) as LatencyRecord),
  accuracy: row["accuracy"] as number | null,
  testAccuracy: row["test_accuracy"] as number | null,
  reward: row["reward"] as number | null,
  bars: row["bars"] === null ? null : (JSON.parse(row["bars"] as string) as (number | null)[]),
  rungs: row["rungs"] === null ? null : (JSON.parse(row["rungs"] as string) as number[]),
  reason: row["reason"] as string | null,
  attempts: Number(row["attempts"]),
  seconds: row["seconds"] as number | null,
});

/** Makes a new study file. Throws `RUN_EXISTS` when there is one. */
export function createStore(file: string): Store {
  if (file !== ":memory:" && existsSync(file)) {
    throw new MnasError("RUN_EXISTS", `Cannot create "${file}": it exists`, {
      hint: "Use --resume, or another --out.",
    });
  }
  const db = createDatabase(file);
  try {
    db.exec(`BEGIN; ${schema} COMMIT;`);
  } catch (error) {
    db.close();
    explain(error, file);
  }
  return storeOf(db, file);
}

/** Opens a study file. Throws `RUN_NOT_FOUND`, or `RUN_INVALID` when the file is damaged or of another version. */
export const openStore = (file: string): Store => storeOf(checkStudy(openDatabase, file), file);

/** Opens a study file that may be one that cannot be written, to read it only. Throws as `openStore` does. */
export const readStore = (file: string): Store => storeOf(checkStudy(readDatabase, file), file);

function storeOf(db: DatabaseSync, file: string): Store {
  const prepare = (sql: string) => {
    const statement = attempt(() => db.prepare(sql));
    return {
      run: (...values: SQLInputValue[]): boolean => attempt(() => statement.run(...values).changes > 0),
      // Not `get`, which returns the first row of an UPDATE without saying that it could not be committed to a full disk.
      get: (...values: SQLInputValue[]): Row | undefined =>
        attempt(() => statement.all(...values)[0] as Row | undefined),
      all: (...values: SQLInputValue[]): Row[] => attempt(() => statement.all(...values) as Row[]),
    };
  };
  const patience = createPatience(file);
  const attempt = <T>(work: () => T): T => {
    try {
      return patience(work);
    } catch (error) {
      return explain(error, file);
    }
  };

  const insert = prepare(
    `INSERT INTO trial (phase, number, state, genotype, notation, reference, source, seed, epochs, params, madds)
     VALUES (?, ?, 'waiting', ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const measured = prepare("UPDATE trial SET latency = ? WHERE phase = ? AND number = ?");
  const setBars = prepare("UPDATE trial SET bars = ? WHERE phase = ? AND number = ? AND state = 'running'");
  const prune = prepare(
    "UPDATE trial SET state = 'pruned', reason = ? WHERE phase = ? AND number = ? AND state = 'waiting'",
  );
  const reject = prepare(
    "UPDATE trial SET state = 'failed', reason = ? WHERE phase = ? AND number = ? AND state = 'waiting'",
  );
  const reuse = prepare(
    `UPDATE trial SET state = t.state, latency = t.latency, accuracy = t.accuracy, test_accuracy = t.test_accuracy,
       rungs = t.rungs, reason = t.reason, source = t.number
     FROM (SELECT * FROM trial) AS t
     WHERE trial.phase = ? AND trial.number = ? AND trial.state = 'waiting'
       AND t.phase = trial.phase AND t.number = ? AND t.state IN ('complete', 'stopped', 'pruned', 'failed')`,
  );
  const setReward = prepare("UPDATE trial SET reward = ? WHERE phase = ? AND number = ?");
  // One statement, so two workers can never take the same trial.
  const claim = prepare(
    `UPDATE trial SET state = 'running', worker = ?, lease_until = ?, attempts = attempts + (state = 'running')
     WHERE (phase, number) = (SELECT phase, number FROM trial
                              WHERE latency IS NOT NULL AND (state = 'waiting' OR (state = 'running' AND lease_until < ?))
                              ORDER BY phase DESC, number LIMIT 1)
     RETURNING *`,
  );
  const expire = prepare(
    `UPDATE trial SET state = 'failed', reason = 'its workers stopped answering', attempts = attempts + 1,
       worker = NULL, lease_until = NULL
     WHERE state = 'running' AND lease_until < ? AND attempts + 1 >= ${maxAttempts}`,
  );
  const mine = "WHERE phase = ? AND number = ? AND worker = ? AND state = 'running'";
  const reached = prepare(`UPDATE trial SET rungs = ? ${mine}`);
  const renew = prepare(`UPDATE trial SET lease_until = ? ${mine}`);
  const heldUp = prepare(
    `SELECT 1 FROM trial WHERE phase = ? AND number < ? AND state = 'running' AND lease_until < ?
       AND coalesce(json_array_length(rungs), 0) <= ? LIMIT 1`,
  );
  const complete = prepare(
    `UPDATE trial SET state = 'complete', accuracy = ?, test_accuracy = ?, seconds = ?, rungs = ?, worker = NULL, lease_until = NULL ${mine}`,
  );
  const stop = prepare(
    `UPDATE trial SET state = 'stopped', rungs = ?, seconds = ?, reason = ?, worker = NULL, lease_until = NULL ${mine}`,
  );
  const fail = prepare(`UPDATE trial SET state = 'failed', reason = ?, worker = NULL, lease_until = NULL ${mine}`);
  const giveBack = prepare(
    "UPDATE trial SET state = 'waiting', worker = NULL, lease_until = NULL WHERE worker = ? AND state = 'running' RETURNING *",
  );
  const lost = prepare(
    `UPDATE trial SET worker = NULL, lease_until = NULL, attempts = attempts + 1,
       state = CASE WHEN attempts + 1 >= ${maxAttempts} THEN 'failed' ELSE 'waiting' END,
       reason = CASE WHEN attempts + 1 >= ${maxAttempts} THEN 'its ' || ? || ' died ' || (attempts + 1) || ' times' END
     WHERE worker = ? AND state = 'running' RETURNING *`,
  );
  const giveAllBack = prepare(
    "UPDATE trial SET state = 'waiting', worker = NULL, lease_until = NULL WHERE state = 'running'",
  );
  const all = prepare("SELECT * FROM trial WHERE phase = ? ORDER BY number");
  const one = prepare("SELECT * FROM trial WHERE phase = ? AND number = ?");
  const removeFinal = prepare("DELETE FROM trial WHERE phase = 'final' AND number = ?");
  const retry = prepare(
    "UPDATE trial SET state = 'waiting', accuracy = NULL, test_accuracy = NULL, seconds = NULL WHERE phase = ? AND number = ?",
  );
  const read = prepare("SELECT value FROM study WHERE key = ?");
  const write = prepare("INSERT INTO study VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value");

  const addTrial = (proposal: Proposal): void => {
    const { phase, number, genotype, notation, reference = null, source = null, seed = 0, epochs = null } = proposal;
    const encoded = genotype === null ? null : JSON.stringify(genotype);
    insert.run(phase, number, encoded, notation, reference, source, seed, epochs, proposal.params, proposal.madds);
  };
  /** Does all of some work or none of it. */
  const transaction = (work: () => void): void => {
    attempt(() => db.exec("BEGIN IMMEDIATE"));
    try {
      work();
      attempt(() => db.exec("COMMIT"));
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  };

  return {
    add(proposals) {
      transaction(() => proposals.forEach(addTrial));
    },
    measured: ({ phase, number }, latency) => void measured.run(JSON.stringify(latency), phase, number),
    reached: ({ phase, number }, worker, rungs) => reached.run(JSON.stringify(rungs), phase, number, worker),
    setBars: ({ phase, number }, bars) => void setBars.run(JSON.stringify(bars), phase, number),
    prune: ({ phase, number }, reason) => void prune.run(reason, phase, number),
    reject: ({ phase, number }, reason) => void reject.run(reason, phase, number),
    reuse: ({ phase, number }, from) => void reuse.run(phase, number, from),
    setReward: ({ phase, number }, reward) => void setReward.run(reward, phase, number),
    claim({ worker, now, leaseMs }: Claim) {
      expire.run(now);
      const row = claim.get(worker, now + leaseMs, now);
      return row === undefined ? null : toTrial(row);
    },
    renew: ({ phase, number }: TrialKey, { worker, now, leaseMs }: Claim) =>
      renew.run(now + leaseMs, phase, number, worker),
    isHeldUp: ({ phase, number }, rung, now) => heldUp.get(phase, number, now, rung) !== undefined,
    complete: ({ phase, number }, worker, { accuracy, testAccuracy, seconds, rungs }) =>
      complete.run(
        accuracy,
        testAccuracy,
        seconds,
        rungs === undefined ? null : JSON.stringify(rungs),
        phase,
        number,
        worker,
      ),
    stop: ({ phase, number }, worker, { rungs, seconds, reason }) =>
      stop.run(JSON.stringify(rungs), seconds, reason, phase, number, worker),
    fail: ({ phase, number }, worker, reason) => fail.run(reason, phase, number, worker),
    release(worker, isDead, what = "worker") {
      const row = isDead ? lost.get(what, worker) : giveBack.get(worker);
      return row === undefined ? null : toTrial(row);
    },
    releaseAll: () => void giveAllBack.run(),
    trials: (phase) => attempt(() => all.all(phase).map(toTrial)),
    trial({ phase, number }) {
      const row = one.get(phase, number);
      return row === undefined ? null : attempt(() => toTrial(row));
    },
    retry: ({ phase, number }) => void retry.run(phase, number),
    replaceFinals(proposals) {
      transaction(() => {
        const old = all.all("final").map(toTrial);
        const nameOf = ({ notation, seed = 0 }: FinalProposal): string => `${seed} ${notation}`;
        const wanted = new Set(proposals.map(nameOf));
        for (const trial of old) if (!wanted.has(nameOf(trial))) removeFinal.run(trial.number);
        const known = new Set(old.map(nameOf));
        // Numbers are those of folders: a new one does not get that of one just removed.
        let next = 1 + old.reduce((last, { number }) => Math.max(last, number), -1);
        for (const proposal of proposals)
          if (!known.has(nameOf(proposal))) addTrial({ ...proposal, phase: "final", number: next++ });
      });
    },
    get(key) {
      const row = read.get(key);
      return row === undefined ? null : attempt(() => JSON.parse(row["value"] as string) as never);
    },
    set: (key, value) => void write.run(key, JSON.stringify(value)),
    [Symbol.dispose]: () => db.close(),
  };
}
