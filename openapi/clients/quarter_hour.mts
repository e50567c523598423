// From a key to onboarded clients and verified webhooks, with a client that `openapi-typescript` made of the document.
import { createInterface } from "node:readline/promises";

import createClient from "openapi-fetch";
import { Webhook } from "standardwebhooks";

import type { components, paths } from "./daimon.js";

function env(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is missing`);
  return value;
}

/** What was asked for, or a problem as RFC 9457 describes it: `errors` name the fields. */
function good<Data>(answer: { data?: Data; error?: components["schemas"]["Problem"] }): Data {
  if (answer.data === undefined) throw new Error(`${answer.error?.title}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

// A token holds for a quarter of an hour.
const stranger = createClient<paths>({ baseUrl: env("DAIMON_URL") });
const signedIn = good(await stranger.POST("/v1/auth/token", { headers: { Authorization: `Bearer ${env("DAIMON_API_KEY")}` } }));
const daimon = createClient<paths>({
  baseUrl: env("DAIMON_URL"),
  headers: { Authorization: `Bearer ${signedIn.access_token}` },
});

// Who is to be told. The secret is shown this once.
const endpoint = good(await daimon.POST("/v1/webhook-endpoints", { body: { url: env("WEBHOOK_URL") } }));

// The client company. Sending the same again changes nothing, and a wrong row keeps no other out.
const company: components["schemas"]["NewCompany"] = {
  name: "Sakura Dental",
  language: "ja",
  mailboxes: [
    {
      address: env("MAILBOX"),
      password: env("MAILBOX_PASSWORD"),
      imap: { host: env("MAILBOX_HOST"), port: Number(env("MAILBOX_PORT")) },
    },
  ],
};
const onboarded = good(await daimon.POST("/v1/tenants/onboard", { body: { companies: [company] } }));
for (const row of onboarded.rows) {
  console.log(`row ${row.row}: ${row.status}`);
  for (const wrong of row.errors) console.log(`row ${row.row}, ${wrong.field}: ${wrong.detail}`);
  if (!row.job_id) continue;

  // Each new mailbox is tested: resolve, connect, TLS, sign in, folders.
  let job = good(await daimon.GET("/v1/jobs/{job_id}", { params: { path: { job_id: row.job_id } } }));
  while (job.state === "waiting" || job.state === "running") {
    await new Promise((later) => setTimeout(later, 500));
    job = good(await daimon.GET("/v1/jobs/{job_id}", { params: { path: { job_id: row.job_id } } }));
  }
  console.log(`connection: ${job.state}`);
}

// What is going on. `next` is null on the last page only.
let cursor: string | null | undefined;
let incidents = 0;
do {
  const query = cursor ? { cursor } : {};
  const page = good(await daimon.GET("/v1/incidents", { params: { query } }));
  incidents += page.items.length;
  cursor = page.next;
} while (cursor);
console.log(`incidents: ${incidents}`);

// A webhook, as your web framework hands it over: the raw body and the headers. Here a line of standard input stands for it.
const path = { endpoint_id: endpoint.id };
const trial = { params: { path }, body: { type: "incident.opened" as const } };
good(await daimon.POST("/v1/webhook-endpoints/{endpoint_id}/test", trial));
const input = createInterface({ input: process.stdin });
const came: { body: string; headers: Record<string, string> } = JSON.parse(await input.question(""));
input.close();
const event = new Webhook(endpoint.secret).verify(came.body, came.headers) as components["schemas"]["Event"];
console.log(`verified: ${event.type}`);
