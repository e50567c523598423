"""A mail to any ticket system per incident of Daimon's; what follows answers it. mail.md says how to set it up."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate

from receive import serve, setting

PORTS = {"starttls": "587", "implicit": "465", "none": "25"}
HOST, TLS = setting("MAIL_HOST"), setting("MAIL_TLS", "starttls")
USER, PASSWORD = setting("MAIL_USER", ""), setting("MAIL_PASSWORD", "")
if TLS not in PORTS or (TLS == "none" and USER and HOST not in ("localhost", "127.0.0.1", "::1")):
    raise SystemExit("MAIL_TLS is starttls or implicit; where nobody signs in, or on this machine, none will do")
PORT = int(setting("MAIL_PORT", PORTS[TLS]))
FROM, TO = setting("MAIL_FROM"), setting("MAIL_TO")


def sends(news, id, answered=None):
    mail = EmailMessage()
    # The same for all mails of an incident, because some systems look at it too. It begins with a tag to filter by.
    subject = f"[Daimon#{news.incident[-8:]}] {news.mark}{news.address} ({news.company})"
    mail["From"], mail["To"], mail["Subject"] = FROM, TO, f"Re: {subject}" if answered else subject
    mail["Date"], mail["Message-ID"], mail["Auto-Submitted"] = formatdate(), id, "auto-generated"
    if answered:
        mail["In-Reply-To"] = mail["References"] = answered
    mail.set_content(news.text)
    trust = ssl.create_default_context()
    if TLS == "implicit":
        server = smtplib.SMTP_SSL(HOST, PORT, timeout=8, context=trust)
    else:
        server = smtplib.SMTP(HOST, PORT, timeout=8)
    with server:
        if TLS == "starttls":
            server.starttls(context=trust)
        if USER:
            server.login(USER, PASSWORD)
        server.send_message(mail)


def opens(news):
    id = f"<{news.incident}@{FROM.rpartition('@')[2].rstrip('>')}>"
    sends(news, id)
    return id, None


def tells(number, news):
    sends(news, number.replace("@", f".{news.sequence}@"), answered=number)


serve("mail", opens, tells, is_linked=False)
