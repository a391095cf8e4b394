// Makes calls with one of the official JavaScript SDKs, unmodified: reads calls from its input, a JSON object a
// line, and writes what came back.
import { createInterface } from 'node:readline';

const which = process.argv[2].replace('probe-', '');
const v2 = which === 'v2' || which === 'methods';
const sdk = v2
  ? (await import('aws-sdk')).default
  : { realtime: await import('@aws-sdk/client-ivs-realtime'), channel: await import('@aws-sdk/client-ivs') };
if (process.argv[2].startsWith('probe-')) process.exit(0);

if (which === 'methods') {
  const { operations } = new sdk.IVSRealTime({ region: 'us-east-1' }).api;
  console.log(Object.values(operations).map((operation) => operation.name).join('\n'));
  process.exit(0);
}

const endpoints = { realtime: process.env.ENDPOINT, channel: process.env.CHANNEL_ENDPOINT };
const region = process.env.AWS_REGION;

const clients = v2
  ? {
      realtime: new sdk.IVSRealTime({ endpoint: endpoints.realtime, region, maxRetries: 0, paramValidation: false }),
      channel: new sdk.IVS({ endpoint: endpoints.channel, region, maxRetries: 0, paramValidation: false }),
    }
  : {
      realtime: new sdk.realtime.IVSRealTimeClient({ endpoint: endpoints.realtime, region, maxAttempts: 1 }),
      channel: new sdk.channel.IvsClient({ endpoint: endpoints.channel, region, maxAttempts: 1 }),
    };

function callV2({ api, operation, input }) {
  const method = operation[0].toLowerCase() + operation.slice(1);
  if (!clients[api][method]) return Promise.resolve({ unsent: 'the SDK does not have the operation' });
  return new Promise((resolve) => {
    clients[api][method](input, function answered(error, body) {
      const status = this.httpResponse?.statusCode;
      if (!error) resolve({ status, body });
      else if (!status) resolve({ unsent: `the SDK refuses it: ${error.message}` });
      else resolve({ status, error: error.code, message: error.message });
    });
  });
}

async function callV3({ api, operation, input }) {
  const Command = sdk[api][`${operation}Command`];
  if (!Command) return { unsent: 'the SDK does not have the operation' };
  try {
    const { $metadata, ...body } = await clients[api].send(new Command(input));
    return { status: $metadata.httpStatusCode, body };
  } catch (error) {
    const status = error.$metadata?.httpStatusCode;
    if (!status) return { unsent: `the SDK refuses it: ${error.message}` };
    return { status, error: error.name, message: error.message };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await (v2 ? callV2 : callV3)(JSON.parse(line));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
