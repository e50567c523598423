"""From a key to onboarded clients and verified webhooks, with a client that openapi-python-client made of the document."""

import json
import os
import sys
import time

from daimon_client import AuthenticatedClient, Client
from daimon_client.api.incidents import list_incidents
from daimon_client.api.jobs import get_job
from daimon_client.api.sign_in import create_token
from daimon_client.api.tenants import onboard_tenants
from daimon_client.api.webhooks import create_webhook_endpoint, test_webhook_endpoint
from daimon_client.models import (
    ApiKeySignIn,
    NewCompany,
    NewCompanyMailbox,
    NewImapServer,
    NewOnboarding,
    NewWebhookEndpoint,
    NewWebhookTest,
    Problem,
)
from daimon_client.types import UNSET
from standardwebhooks import Webhook

env = os.environ


def good(answer):
    """What was asked for, or a problem as RFC 9457 describes it: `errors` name the fields."""
    if answer is None or isinstance(answer, Problem):
        raise SystemExit(f"refused: {answer}")
    return answer


# A token holds for a quarter of an hour.
stranger = Client(base_url=env["DAIMON_URL"])
token = good(create_token.sync(client=stranger, body=ApiKeySignIn(api_key=env["DAIMON_API_KEY"]))).access_token
daimon = AuthenticatedClient(base_url=env["DAIMON_URL"], token=token)

# Who is to be told. The secret is shown this once.
endpoint = good(create_webhook_endpoint.sync(client=daimon, body=NewWebhookEndpoint(url=env["WEBHOOK_URL"])))

# The client company. Sending the same again changes nothing, and a wrong row keeps no other out.
server = NewImapServer(host=env["MAILBOX_HOST"], port=int(env["MAILBOX_PORT"]))
mailbox = NewCompanyMailbox(address=env["MAILBOX"], password=env["MAILBOX_PASSWORD"], imap=server)
company = NewCompany(name="Sakura Dental", language="ja", mailboxes=[mailbox])
onboarded = good(onboard_tenants.sync(client=daimon, body=NewOnboarding(companies=[company])))
for row in onboarded.rows:
    print(f"row {row.row}: {row.status}")
    for wrong in row.errors:
        print(f"row {row.row}, {wrong.field}: {wrong.detail}")
    if not row.job_id:
        continue

    # Each new mailbox is tested: resolve, connect, TLS, sign in, folders.
    while (job := good(get_job.sync(row.job_id, client=daimon))).state in ("waiting", "running"):
        time.sleep(0.5)
    print(f"connection: {job.state}")

# What is going on. `next` is null on the last page only.
incidents, cursor = 0, UNSET
while cursor is not None:
    page = good(list_incidents.sync(client=daimon, cursor=cursor))
    incidents, cursor = incidents + len(page.items), page.next_
print(f"incidents: {incidents}")

# A webhook, as your web framework hands it over: the raw body and the headers. Here a line of standard input stands for it.
good(test_webhook_endpoint.sync(endpoint.id, client=daimon, body=NewWebhookTest(type_="incident.opened")))
came = json.loads(sys.stdin.readline())
event = Webhook(endpoint.secret).verify(came["body"], came["headers"])
print(f"verified: {event['type']}")
