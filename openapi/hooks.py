"""What schemathesis does not know by itself: how a message is sent."""

import schemathesis


@schemathesis.serializer("message/rfc822")
def message(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
