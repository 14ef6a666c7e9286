/** One kill from request to answer: enqueued, waited for if somebody wants to wait, answered. */
import type { SettledKillReceipt } from '@killfeed/db';
import type { KillEnemy } from '@killfeed/domain';
import type { FastifyReply } from 'fastify';
import type { Intake } from '../intake.js';
import { PROBLEMS, Problem, type ProblemCode } from '../problem.js';
import { hashKill } from './kill.js';

export interface TakeKillOptions {
  /** The id is the client's: it may have been used before. */
  readonly mayRepeat: boolean;
  /** How long to wait for the outcome, in ms; 0 answers 202 at once. */
  readonly waitMs: number;
}

/**
 * Answers 202 while the kill is queued. Otherwise, to one who waits, as the combat route does (200, or the problem
 * that the rules found), and to one who does not, with the receipt.
 *
 * @throws {Problem} id_conflict, or the rejection's own code
 */
export async function takeKill(
  intake: Intake,
  command: KillEnemy,
  { mayRepeat, waitMs }: TakeKillOptions,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { id } = command;
  const waits = waitMs > 0;
  const { status, jobId } = await intake.take(command, hashKill(command), { mayRepeat, requeue: waits });
  if (status === 'conflict') {
    throw new Problem('id_conflict', `the id ${id} was used for another kill before`);
  }
  reply.header('location', `/kills/${id}`);
  if (!waits && status !== 'settled') return answerQueued(reply, id);
  const receipt = await intake.waitForOutcome(id, jobId, waitMs);
  if (receipt === null) return answerQueued(reply, id);
  return waits ? answerOutcome(reply, receipt) : reply.code(200).send(receipt);
}

function answerQueued(reply: FastifyReply, id: string): FastifyReply {
  return reply.code(202).send({ id, status: 'queued', statusUrl: `/kills/${id}` });
}

function answerOutcome(reply: FastifyReply, receipt: SettledKillReceipt): FastifyReply {
  if (receipt.status === 'applied') return reply.code(200).send({ actionId: receipt.enemyId });
  const { code, detail } = receipt.reason ?? { code: 'internal', detail: '' };
  if (receipt.status === 'rejected' && isProblemCode(code)) throw new Problem(code, detail);
  throw new Problem('internal', `the kill could not be stored; its receipt is at /kills/${receipt.id}`);
}

function isProblemCode(code: string): code is ProblemCode {
  return code in PROBLEMS;
}
