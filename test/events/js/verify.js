// Reads deliveries of a webhook, as JSON on the standard input, and has the library check each one, and that it
// refuses what was altered.
import { Webhook } from "standardwebhooks";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const { secret, deliveries } = JSON.parse(text);
const webhook = new Webhook(secret);
for (const { headers, body } of deliveries) {
  const event = webhook.verify(body, headers);
  if (event.id !== headers["webhook-id"]) throw new Error(`${event.id} came as ${headers["webhook-id"]}`);
  let refused = false;
  try {
    webhook.verify(body.replace("aws.ivs", "aws.s3"), headers);
  } catch {
    refused = true;
  }
  if (!refused) throw new Error("an altered event was taken");
}
console.log(`${deliveries.length} verified`);
