"""A client that sends one message, for the sites of every mail transfer agent."""
import smtplib
import time
from email.message import EmailMessage


def compose(sender, subject="test", body="text\n", message_id=None):
    """A message as text, with lines that end in LF."""
    m = EmailMessage()
    m["Subject"], m["From"], m["To"] = subject, sender or "daemon@ok.test", "list@ok.test"
    m["Message-ID"] = message_id or f"<{time.time_ns()}@client.test>"
    m.set_content(body)
    return m.as_string()


def send(port, sender, recipients, text, source, helo="client.test", login=None):
    """Sends it from the address `source`; returns the refused recipients: {address: (code, text)}."""
    with smtplib.SMTP("127.0.0.1", port, helo, timeout=30, source_address=(source, 0)) as c:
        if login:
            c.ehlo()
            c.login(*login)
        try:
            return c.sendmail(sender, recipients, text)
        except smtplib.SMTPRecipientsRefused as e:
            return e.recipients
        except smtplib.SMTPResponseException as e:
            return {"": (e.smtp_code, e.smtp_error)}
