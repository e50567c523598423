"""A message in Slack per incident of Daimon's; what follows goes into its thread. slack.md says how to set it up."""

from urllib.parse import urlencode

from receive import Refused, call, serve, setting

URL, CHANNEL = setting("SLACK_URL", "https://slack.com/api"), setting("SLACK_CHANNEL")
HEADERS = {"Authorization": "Bearer " + setting("SLACK_TOKEN")}
SAFE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def slack(method, path, body=None):
    answer = call(method, f"{URL}/{path}", body, HEADERS)
    if not answer.get("ok"):  # Slack refuses with 200
        is_gone = answer.get("error") in ("message_not_found", "thread_not_found")
        raise Refused(f"{path.partition('?')[0]}: {answer.get('error')}", 404 if is_gone else 0)
    return answer


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text.translate(SAFE)[:3000]}}


def message(news):
    facts = [{"type": "mrkdwn", "text": f"*{name}*\n{value}"} for name, value in news.facts.items()]
    button = {"type": "button", "text": {"type": "plain_text", "text": "Report"}, "url": news.link}
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": news.title[:150]}},
        {"type": "section", "fields": facts},
        section(news.summary),
        *([section("*What to do first*\n" + "\n".join(news.steps))] if news.steps else []),
        {"type": "actions", "elements": [button]},
    ]
    return {"channel": CHANNEL, "text": news.title, "blocks": blocks}


def opens(news):
    number = slack("POST", "chat.postMessage", message(news))["ts"]
    asked = urlencode({"channel": CHANNEL, "message_ts": number})
    try:
        return number, slack("GET", f"chat.getPermalink?{asked}")["permalink"]
    except Refused:
        return number, None  # the message is there: better without its address than twice


def tells(number, news):
    """The message says how it stands, and its thread how it came to that; all see when it begins again."""
    slack("POST", "chat.update", message(news) | {"ts": number})
    line = f"{news.title}: {news.state}. {news.summary}"
    reply = {"channel": CHANNEL, "thread_ts": number, "text": line.translate(SAFE), "reply_broadcast": news.reopens}
    slack("POST", "chat.postMessage", reply)


serve("slack", opens, tells)
