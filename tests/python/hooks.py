"""What schemathesis would do too often: with one idempotency key for all its requests, all but
the first are a 422. Each valid key is made a new one."""

import itertools
import re

import schemathesis

NUMBERS = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    headers = case.headers or {}
    for name, value in list(headers.items()):
        is_key = name.lower() == "idempotency-key" and isinstance(value, str)
        if is_key and re.fullmatch(r"[!-~]{1,240}", value):
            headers[name] = f"{value}-{next(NUMBERS)}"
