/** Thrown when settings are missing, malformed or unknown; the message has a line for each. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * What Kubernetes, and Docker's links, put into the environment for each service beside: of one
 * called `knockon-api` `KNOCKON_API_PORT=tcp://10.0.0.7:80`.
 */
const serviceLink =
  /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;
const serviceAddress = /^(tcp|udp|sctp):\/\//i;

/**
 * The variables that somebody has set: without empty ones, and without those that tell of services
 * beside, whatever these are called.
 */
export function variablesOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const isSet = (entry: [string, string | undefined]): entry is [string, string] =>
    entry[1] !== undefined && entry[1].trim() !== '';
  const isLink = ([name, value]: [string, string]) =>
    serviceLink.test(name) || (name.endsWith('_PORT') && serviceAddress.test(value));
  return Object.fromEntries(
    Object.entries(env)
      .filter(isSet)
      .filter((entry) => !isLink(entry)),
  );
}

/**
 * What Docker's links tell beside addresses: the names of both containers, and the environment of
 * the other.
 */
export const isDockerLink = (name: string, value = ''): boolean =>
  /_ENV_/.test(name) || (name.endsWith('_NAME') && /^\/[^/]+\/[^/]+$/.test(value));

/** @param problems a sentence for each variable that is wrong */
export const cantBeUsed = (problems: string[]) =>
  new ConfigError(`The configuration can't be used:\n${problems.map((p) => `  ${p}`).join('\n')}`);

/**
 * What is wrong with one variable. @param must what it must be: `must be a URL` @param value
 * undefined where it is not set
 */
export const problemOf = (name: string, value: string | undefined, must: string) =>
  value === undefined
    ? `${name} is not set: it ${must}`
    : `${name} is ${shown(name, value)}: it ${must}`;

function shown(name: string, value: string): string {
  return /SECRET|KEY|URL|TOKEN|PASSWORD/.test(name)
    ? `set to something it can't use (${value.length} characters)`
    : JSON.stringify(value);
}
