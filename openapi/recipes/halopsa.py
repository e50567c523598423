"""A ticket in HaloPSA per incident of Daimon's. halopsa.md says how to set it up."""

from urllib.parse import urlencode

from receive import call, serve, setting

URL = setting("HALO_URL").rstrip("/")
CLIENT_ID, CLIENT_SECRET = setting("HALO_CLIENT_ID"), setting("HALO_CLIENT_SECRET")
TICKET_TYPE, OUTCOME = int(setting("HALO_TICKET_TYPE", "1")), setting("HALO_OUTCOME", "Private Note")
NEW, CLOSED = int(setting("HALO_NEW_STATUS", "1")), int(setting("HALO_CLOSED_STATUS", "9"))
CLIENT, TENANT = setting("HALO_CLIENT"), setting("HALO_TENANT", "")


def sign_in():
    """Returns what makes requests until the token ends: incidents are too few to keep one."""
    where = f"{URL}/auth/token" + ("?" + urlencode({"tenant": TENANT}) if TENANT else "")
    asked = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    form = urlencode(asked | {"scope": "read:tickets edit:tickets"}).encode()
    token = call("POST", where, form, {"Content-Type": "application/x-www-form-urlencoded"})["access_token"]
    return lambda method, path, body=None: call(method, f"{URL}/api/{path}", body, {"Authorization": f"Bearer {token}"})


def finds(halo, news):
    """The ticket that was made before, should its number have been lost: its details name the incident."""
    for found in halo("GET", "tickets?" + urlencode({"search_details": news.incident, "count": 3}))["tickets"]:
        if news.incident in (halo("GET", f"tickets/{found['id']}?includedetails=true").get("details") or ""):
            return found["id"]
    return None


def opens(news):
    halo = sign_in()
    number = finds(halo, news)
    if number is None:
        client = int(news.references.get("halopsa", CLIENT))
        ticket = {"summary": news.title[:255], "details": news.text, "client_id": client, "tickettype_id": TICKET_TYPE}
        made = halo("POST", "tickets", [ticket])
        made = made.get("tickets", [made]) if isinstance(made, dict) else made
        number = made[0]["id"]
    return number, f"{URL}/tickets?id={number}"


def tells(number, news):
    halo = sign_in()
    action = {"ticket_id": int(number), "outcome": OUTCOME, "note": news.text, "hiddenfromuser": True}
    if news.closes or news.reopens:  # first what can be done twice, in case it is refused
        halo("POST", "tickets", [{"id": int(number), "status_id": CLOSED if news.closes else NEW}])
    halo("POST", "actions", [action])


serve("halopsa", opens, tells)
