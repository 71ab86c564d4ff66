/** Runs the checks, all at once, each within its time: one that hangs keeps nobody from the others' findings. */
import type { Scheduler } from '../telemetry/clock.ts';
import { missingNeed, NEEDS, type Check, type Need } from './check.ts';
import { fail, type Finding, type Observation } from './finding.ts';
import { UnreachedError, type Patient } from './patient.ts';

/** For one check, in ms: with the start of the process and a look for a node the whole answers within five seconds. */
const CHECK_MS = 3_700;

export interface Report {
  /** In the order of the checks. */
  readonly findings: readonly Finding[];
  /** What was not looked at, and what would have been needed for it. */
  readonly skipped: readonly { readonly check: string; readonly needs: string }[];
  readonly summary: { readonly ok: number; readonly warn: number; readonly fail: number };
}

export async function examine(checks: readonly Check[], patient: Patient, scheduler: Scheduler): Promise<Report> {
  const skipped: { check: string; needs: string }[] = [];
  const due = checks.filter((check) => {
    const need: Need | null = missingNeed(check, patient);
    if (need !== null) skipped.push({ check: check.name, needs: NEEDS[need] });
    return need === null;
  });
  // The idle time of a way is measured by waiting for it.
  const limitMs = CHECK_MS + patient.idleMs;
  const found = await Promise.all(due.map((check) => findingsOf(check, patient, scheduler, limitMs)));
  const findings = found.flat();
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  return { findings, skipped, summary: { ok: count('ok'), warn: count('warn'), fail: count('fail') } };
}

async function findingsOf(
  check: Check,
  patient: Patient,
  scheduler: Scheduler,
  limitMs: number,
): Promise<readonly Finding[]> {
  const observations = await withinLimit(check, patient, scheduler, limitMs);
  return observations.map((observation) => ({ check: check.name, ...observation }));
}

function withinLimit(
  check: Check,
  patient: Patient,
  scheduler: Scheduler,
  limitMs: number,
): Promise<readonly Observation[]> {
  return new Promise((resolve) => {
    const late = scheduler.after(limitMs, () =>
      resolve([fail(`no answer within ${limitMs / 1_000} s`, `doctor --only ${check.name} asks again, this alone`)]),
    );
    void Promise.resolve()
      .then(() => check.run(patient))
      .catch((error: unknown) =>
        error instanceof UnreachedError
          ? []
          : [fail(error instanceof Error ? error.message : String(error), `doctor --only ${check.name} asks again`)],
      )
      .then((observations) => {
        late.cancel();
        resolve(observations);
      });
  });
}
