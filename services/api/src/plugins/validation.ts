/**
 * Compiles schemas: parameters and headers arrive as text and are converted, bodies arrive typed and are taken as they
 * are ("1" is no number). A body that is an array is checked item by item by its route, so that one bad item does not
 * sink the rest.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import fp from 'fastify-plugin';
import type { ProblemError } from '../problem.js';

const bodies = addFormats.default(new Ajv({ allErrors: false, strict: false }));
const texts = addFormats.default(new Ajv({ coerceTypes: 'array', useDefaults: true, allErrors: false, strict: false }));

export const validation = fp(
  async (app) => {
    app.setValidatorCompiler(({ schema, httpPart }) =>
      httpPart === 'body' ? bodies.compile(schema) : texts.compile(schema),
    );
  },
  { name: 'validation' },
);

/** Compiles the schema of one item of a bulk body. */
export function compileItem(schema: object): ValidateFunction {
  return bodies.compile(schema);
}

/** What is wrong with the value that `validate` refused last. */
export function itemErrors(validate: ValidateFunction): ProblemError[] {
  return (validate.errors ?? []).map((error) => ({ path: error.instancePath, message: messageOf(error) }));
}

function messageOf({ keyword, message = 'is not valid', params }: ErrorObject): string {
  if (keyword === 'enum') return `must be one of ${params.allowedValues.join(', ')}`;
  if (keyword === 'additionalProperties')
    return `must not have a property "${String(params.additionalProperty).slice(0, 100)}"`;
  return message;
}
