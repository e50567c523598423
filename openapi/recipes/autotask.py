"""A ticket in Autotask per incident of Daimon's. autotask.md says how to set it up."""

import datetime
import json
from urllib.parse import urlencode

from receive import call, serve, setting

URL = setting("AUTOTASK_URL").rstrip("/")
HEADERS = {
    "ApiIntegrationCode": setting("AUTOTASK_INTEGRATION_CODE"),
    "UserName": setting("AUTOTASK_USER"),
    "Secret": setting("AUTOTASK_SECRET"),
}
QUEUE, COMPANY = int(setting("AUTOTASK_QUEUE")), setting("AUTOTASK_COMPANY")
PRIORITY = int(setting("AUTOTASK_PRIORITY", "1"))
NEW, COMPLETE = int(setting("AUTOTASK_NEW_STATUS", "1")), int(setting("AUTOTASK_COMPLETE_STATUS", "5"))
NOTE_TYPE, PUBLISH = int(setting("AUTOTASK_NOTE_TYPE", "1")), int(setting("AUTOTASK_PUBLISH", "1"))


def autotask(method, path, body=None):
    return call(method, f"{URL}/atservicesrest/v1.0/{path}", body, HEADERS)


def finds(news):
    """The ticket that was made before, should its number have been lost."""
    asked = {"filter": [{"op": "eq", "field": "externalID", "value": news.incident}]}
    found = autotask("GET", "Tickets/query?" + urlencode({"search": json.dumps(asked)}))["items"]
    return next((one["id"] for one in found if one.get("externalID") == news.incident), None)


def opens(news):
    number = finds(news)
    if number is None:
        due = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=4)
        ticket = {
            "companyID": int(news.references.get("autotask", COMPANY)),
            "title": news.title[:255],
            "description": news.text,
            "status": NEW,
            "priority": PRIORITY,
            "queueID": QUEUE,
            "dueDateTime": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "externalID": news.incident,
        }
        number = autotask("POST", "Tickets", ticket)["itemId"]
    web = URL.replace("//webservices", "//ww")
    return number, f"{web}/Autotask/AutotaskExtend/ExecuteCommand.aspx?Code=OpenTicketDetail&TicketID={number}"


def tells(number, news):
    note = {"title": news.title[:250], "description": news.text, "noteType": NOTE_TYPE, "publish": PUBLISH}
    if news.closes:  # first what can be done twice, in case it is refused
        autotask("PATCH", "Tickets", {"id": int(number), "status": COMPLETE, "resolution": news.summary})
    if news.reopens:
        autotask("PATCH", "Tickets", {"id": int(number), "status": NEW})
    autotask("POST", f"Tickets/{number}/Notes", note)


serve("autotask", opens, tells)
