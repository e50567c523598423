"""Runs samples as they stand, one after the other, and says of each whether it worked and what it printed."""

import contextlib
import io
import json
import os
import sys
import traceback

for line in sys.stdin:
    told = json.loads(line)
    os.environ.update(told["env"])
    said = io.StringIO()
    worked = True
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(told["source"], "sample", "exec"), {"__name__": "__main__"})
    except Exception:
        worked = False
        said.write(traceback.format_exc())
    print(json.dumps({"worked": worked, "said": said.getvalue()}), flush=True)
