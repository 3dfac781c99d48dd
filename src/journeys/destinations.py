"""Where deliveries go: the destinations of this package, and what is needed to write another one."""

from journeys.runtime.destinations._base import SECRET, Adapter, Shown, Trial
from journeys.runtime.destinations._http import Answer, Request, json_request
from journeys.runtime.destinations._safety import Network
from journeys.runtime.destinations._secrets import Secret, basic, bearer, env, optional_secret, secret
from journeys.runtime.destinations.amplitude import Amplitude
from journeys.runtime.destinations.braze import Braze
from journeys.runtime.destinations.customer_io import CustomerIO
from journeys.runtime.destinations.http import HTTP
from journeys.runtime.destinations.hubspot import HubSpot
from journeys.runtime.destinations.iterable import Iterable
from journeys.runtime.destinations.lists import CSVFile, SQLTable
from journeys.runtime.destinations.mailchimp import Mailchimp
from journeys.runtime.destinations.mixpanel import Mixpanel
from journeys.runtime.destinations.record import Function, Record
from journeys.runtime.destinations.registry import (
    build_destination,
    build_destinations,
    check_destinations,
    own_variables,
)
from journeys.runtime.destinations.segment import Segment
from journeys.runtime.destinations.sendgrid import SendGrid
from journeys.runtime.destinations.slack import Slack
from journeys.runtime.destinations.smtp import SMTP
from journeys.runtime.destinations.twilio import Twilio
from journeys.runtime.destinations.webhook import Webhook

__all__ = [
    "HTTP",
    "SECRET",
    "SMTP",
    "Adapter",
    "Amplitude",
    "Answer",
    "Braze",
    "CSVFile",
    "CustomerIO",
    "Function",
    "HubSpot",
    "Iterable",
    "Mailchimp",
    "Mixpanel",
    "Network",
    "Record",
    "Request",
    "SQLTable",
    "Secret",
    "Segment",
    "SendGrid",
    "Shown",
    "Slack",
    "Trial",
    "Twilio",
    "Webhook",
    "basic",
    "bearer",
    "build_destination",
    "build_destinations",
    "check_destinations",
    "env",
    "json_request",
    "optional_secret",
    "own_variables",
    "secret",
]
