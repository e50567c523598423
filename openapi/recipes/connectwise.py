"""A ticket in ConnectWise PSA (Manage) per incident of Daimon's. connectwise.md says how to set it up."""

import base64
from urllib.parse import urlencode

from receive import call, serve, setting

URL = setting("CW_URL").rstrip("/")
LOGIN = f"{setting('CW_COMPANY')}+{setting('CW_PUBLIC_KEY')}:{setting('CW_PRIVATE_KEY')}"
HEADERS = {
    "Authorization": "Basic " + base64.b64encode(LOGIN.encode()).decode(),
    "clientId": setting("CW_CLIENT_ID"),
}
BOARD, COMPANY = setting("CW_BOARD"), setting("CW_DEFAULT_COMPANY")
NEW, CLOSED = setting("CW_NEW_STATUS", "New"), setting("CW_CLOSED_STATUS", "Closed")


def connectwise(method, path, body=None):
    return call(method, f"{URL}/v4_6_release/apis/3.0/service/tickets{path}", body, HEADERS)


def finds(news):
    """The ticket that was made before, should its number have been lost."""
    asked = urlencode({"conditions": f'externalXRef="{news.incident}"', "pageSize": 2})
    found = connectwise("GET", f"?{asked}")
    return next((one["id"] for one in found if one.get("externalXRef") == news.incident), None)


def opens(news):
    number = finds(news)
    if number is None:
        company = news.references.get("connectwise", COMPANY)
        ticket = {
            "summary": news.title[:100],
            "initialDescription": news.text,
            "board": {"name": BOARD},
            "company": {"id": int(company)} if company.isdigit() else {"identifier": company},
            "externalXRef": news.incident,
        }
        number = connectwise("POST", "", ticket)["id"]
    web = URL.replace("//api-", "//")
    return number, f"{web}/v4_6_release/services/system_io/Service/fv_sr100_request.rails?service_recid={number}"


def tells(number, news):
    flags = {"detailDescriptionFlag": False, "internalAnalysisFlag": True, "resolutionFlag": False}
    if news.closes or news.reopens:  # first what can be done twice, in case it is refused
        status = {"name": CLOSED if news.closes else NEW}
        connectwise("PATCH", f"/{number}", [{"op": "replace", "path": "status", "value": status}])
    connectwise("POST", f"/{number}/notes", {"text": news.text} | flags)


serve("connectwise", opens, tells)
