"""A card in a Teams channel for each step of an incident of Daimon's. teams.md says how to set it up."""

from receive import call, serve, setting

URL = setting("TEAMS_WEBHOOK_URL")


def line(text, **more):
    return {"type": "TextBlock", "wrap": True, "text": text, **more}


def posts(news):
    facts = [{"title": name, "value": value} for name, value in news.facts.items()]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            line(news.title, weight="Bolder", size="Medium"),
            {"type": "FactSet", "facts": facts},
            line(news.summary),
            *map(line, news.steps),
        ],
        "actions": [{"type": "Action.OpenUrl", "title": "Report", "url": news.link}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    call("POST", URL, {"type": "message", "attachments": [attachment]})


def opens(news):
    posts(news)
    return news.incident, None  # a workflow does not say what its message is called


def tells(_number, news):
    posts(news)


serve("teams", opens, tells, is_linked=False)
