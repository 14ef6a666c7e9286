import { collectDefaultMetrics, Registry } from '@platformatic/prom-client';

export { Counter, Gauge, Histogram, type Registry } from '@platformatic/prom-client';

/** A registry of its own with the process's figures in it: nothing is registered when this module is imported. */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}
