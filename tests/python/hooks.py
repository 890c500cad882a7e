"""What schemathesis cannot know from a description, put right in each request before it goes."""

import itertools
import re

import schemathesis

NUMBERS = itertools.count()
SYNONYMS = ["prompt", "instruction", "text"]


@schemathesis.hook
def before_call(context, case, kwargs):
    renew_key(case)
    if isinstance(case.body, dict):
        drop_synonyms(case.body)


def renew_key(case):
    """With one idempotency key for all requests, all but the first are a 422."""
    headers = case.headers or {}
    for name, value in list(headers.items()):
        is_key = name.lower() == "idempotency-key" and isinstance(value, str)
        if is_key and re.fullmatch(r"[!-~]{1,240}", value):
            headers[name] = f"{value}-{next(NUMBERS)}"


def drop_synonyms(body):
    """Two prompts have to be the same, which no schema can say."""
    given = [name for name in SYNONYMS if is_prompt(body.get(name))]
    for name in given[1:]:
        del body[name]


def is_prompt(value):
    return isinstance(value, str) and len(value) <= 32000 and value.strip() != ""
